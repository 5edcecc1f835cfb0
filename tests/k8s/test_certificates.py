"""The example for cert-manager asks for certificates that processes can use, and that say no more than they must."""

import pytest

from chassis.certificates import name_service
from tests.k8s.certificates import asked_for, issued
from tests.k8s.manifests import MESH
from tests.k8s.renderings import rendering

SERVERS = ("auth", "inventory", "orders", "notifier")


def test_there_is_one_for_each_whom_the_component_gives_one() -> None:
    mounted = {
        secret
        for container in rendering("demo with tls").containers()
        for secret, _, _ in container.secret_keys()
        if secret.endswith("-tls")
    }

    assert asked_for().keys() == mounted


@pytest.mark.parametrize("secret", asked_for())
def test_it_names_one_process_and_no_other(secret: str) -> None:
    named = [name for name in (*MESH, "seed") if name_service(asked_for()[secret]["dnsNames"], name)]

    assert named == [secret.removesuffix("-tls")]


@pytest.mark.parametrize("name", SERVERS)
def test_it_has_the_names_that_callers_know(name: str) -> None:
    address = rendering("aws with tls").config()[f"{name.upper()}_ADDR"]
    host = address.removeprefix("dns:///").partition(":")[0]

    assert {host, f"{name}.ordermesh"} <= set(asked_for()[f"{name}-tls"]["dnsNames"])


@pytest.mark.parametrize("secret", asked_for())
def test_it_is_for_what_the_process_does_with_a_key_that_grpc_takes(secret: str) -> None:
    asked = asked_for()[secret]
    ends = {"client auth"} | ({"server auth"} if secret.removesuffix("-tls") in SERVERS else set())

    assert set(asked["usages"]) == {"digital signature", *ends}
    assert (asked["privateKey"]["algorithm"], asked["privateKey"]["size"]) == ("ECDSA", 256)


def test_all_are_of_one_ca() -> None:
    assert len({spec["issuerRef"]["name"] for spec in asked_for().values()}) == 1
    assert len({data["ca.crt"] for data in issued().values()}) == 1

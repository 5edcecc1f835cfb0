"""For whom the gateway calls: who is believed about it, and what services hear."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import grpc
import httpx
import pytest

from chassis.config import ConfigError, Environment
from chassis.server import Application, running_server
from chassis.testing import TEST_SERVER
from gateway.app import SERVICES, open_gateway
from gateway.client_address import FORWARDED_ENTRIES_MAX, TrustedProxies
from gateway.config import GatewayConfig
from gateway.tests.backend import Backend, channels_to, gateway_to, listening
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2

PROXY = "10.0.0.1"


def trusting(*networks: str) -> TrustedProxies:
    return TrustedProxies(tuple(ip_network(network) for network in networks))


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("", PROXY),
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("198.51.100.1,203.0.113.9,10.0.0.3,10.0.0.2", "203.0.113.9"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
        ("203.0.113.9, , 10.0.0.2", "10.0.0.2"),
        ("203.0.113.9, 10.0.0.999", PROXY),
        ("for=203.0.113.9", PROXY),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"),
        ("203.0.113.9\tx", PROXY),
        ("203.0.113.9é", PROXY),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_no_trusted_proxys(forwarded: str, client: str) -> None:
    assert trusting("10.0.0.0/24").client_of(PROXY, forwarded.encode("latin-1")) == client


@pytest.mark.parametrize("trusted", [(), ("10.0.0.2",), ("2001:db8::/32",)])
def test_who_is_not_trusted_is_the_client_whatever_it_says(trusted: Sequence[str]) -> None:
    assert trusting(*trusted).client_of(PROXY, b"203.0.113.9") == PROXY


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [("::ffff:10.0.0.1", "10.0.0.1"), ("2001:db8::5", "2001:db8::/64"), ("fe80::1%eth0", "fe80::/10")],
)
def test_a_proxy_is_trusted_in_every_form_of_its_address(peer: str, trusted: str) -> None:
    assert trusting(trusted).client_of(peer, b"203.0.113.9") == "203.0.113.9"


def test_only_so_many_entries_are_looked_at() -> None:
    proxies = [f"10.0.1.{number}" for number in range(FORWARDED_ENTRIES_MAX)]

    just = trusting("10.0.0.0/16").client_of(PROXY, ",".join(["203.0.113.9", *proxies[1:]]).encode())
    beyond = trusting("10.0.0.0/16").client_of(PROXY, ",".join(["203.0.113.9", *proxies]).encode())

    assert (just, beyond) == ("203.0.113.9", "10.0.1.0")


def test_a_peer_without_an_address_is_no_proxy() -> None:
    assert trusting("0.0.0.0/0", "::/0").client_of("", b"203.0.113.9") == "local"


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", ()),
        ("10.0.0.0/8", ("10.0.0.0/8",)),
        (" 10.0.0.1 , 2001:db8::/32 ", ("10.0.0.1/32", "2001:db8::/32")),
        ("::ffff:10.0.0.0/104", ("10.0.0.0/8",)),
    ],
)
def test_trusted_proxies_are_read_as_a_list(text: str, networks: Sequence[str]) -> None:
    env = Environment({"TRUSTED_PROXIES": text})

    proxies = TrustedProxies.read(env)

    env.check()
    assert tuple(map(str, proxies.networks)) == networks


@pytest.mark.parametrize("text", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1,", "10.0.0.1 10.0.0.2"])
def test_what_is_no_such_list_is_named(text: str) -> None:
    env = Environment({"TRUSTED_PROXIES": text})

    TrustedProxies.read(env)

    with pytest.raises(ConfigError, match="TRUSTED_PROXIES must be a list of addresses and networks"):
        env.check()


@asynccontextmanager
async def client_of_gateway(
    backend: Backend, proof: Callable[[], str], *trusted: str
) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels, proof=proof, trusted=trusted)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


async def test_services_hear_who_the_client_is_and_that_it_is_the_gateway_who_says_so(backend: Backend) -> None:
    async with client_of_gateway(backend, lambda: "proof") as client:
        await client.get("/api/inventory", headers={"authorization": "Bearer mine"})

    metadata = backend.last.metadata
    assert metadata["x-client-address"] == "127.0.0.1"
    assert metadata["x-gateway-authorization"] == "Bearer proof"
    assert metadata["authorization"] == "Bearer mine"


async def test_without_a_token_of_its_own_the_gateway_serves_and_proves_nothing(
    anybody: httpx.AsyncClient, backend: Backend
) -> None:
    answer = await anybody.get("/api/inventory")

    assert answer.status_code == 200
    assert backend.last.metadata["x-client-address"] == "127.0.0.1"
    assert "x-gateway-authorization" not in backend.last.metadata


async def test_several_headers_are_one_list(backend: Backend) -> None:
    forwarded = [("x-forwarded-for", "198.51.100.1, 203.0.113.9"), ("X-Forwarded-For", "127.0.0.1")]
    async with client_of_gateway(backend, str, "127.0.0.0/8") as client:
        await client.get("/api/inventory", headers=forwarded)

    assert backend.last.metadata["x-client-address"] == "203.0.113.9"


@pytest.mark.parametrize("proof", ["", "proof"])
async def test_what_clients_say_in_the_gateways_own_words_goes_nowhere(backend: Backend, proof: str) -> None:
    headers = {
        "x-forwarded-for": "203.0.113.9",
        "x-real-ip": "203.0.113.9",
        "forwarded": "for=203.0.113.9",
        "x-client-address": "203.0.113.9",
        "X-Gateway-Authorization": "Bearer forged",
        "grpc-metadata-x-client-address": "203.0.113.9",
    }

    async with client_of_gateway(backend, lambda: proof) as client:
        await client.get("/api/inventory", headers=headers)

    metadata = backend.last.metadata
    assert metadata["x-client-address"] == "127.0.0.1"
    assert metadata.get("x-gateway-authorization") == (f"Bearer {proof}" if proof else None)
    assert not any("203.0.113.9" in value or "forged" in value for value in metadata.values())


async def test_metadata_of_all_kinds_at_their_longest_gets_through(backend: Backend) -> None:
    headers = {
        "authorization": "Bearer ".ljust(5 * 1024, "x"),
        "idempotency-key": "k" * 255,
        "x-request-id": "r" * 128,
        "x-forwarded-for": "2001:db8:1111:2222:3333:4444:5555:6666",
    }
    async with client_of_gateway(backend, lambda: "p" * 1024, "127.0.0.1") as client:
        answer = await client.get("/api/inventory", headers=headers)

    assert answer.status_code == 200
    assert backend.last.metadata["x-client-address"] == headers["x-forwarded-for"]


@asynccontextmanager
async def opened(backend: Backend) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that was opened as a process does."""
    application = Application([backend.service(service) for service in SERVICES.values()], backend.issuer.verifier)
    async with running_server(TEST_SERVER, application, "127.0.0.1:0") as port:
        addresses = ("AUTH_ADDR", "ORDERS_ADDR", "INVENTORY_ADDR", "NOTIFIER_ADDR")
        identity = {"SERVICE_CLIENT_ID": "gateway", "SERVICE_CLIENT_SECRET": "s" * 32}
        config = GatewayConfig.from_environment(dict.fromkeys(addresses, f"127.0.0.1:{port}") | identity)
        async with (
            open_gateway(config) as gateway,
            listening(gateway) as url,
            httpx.AsyncClient(base_url=url) as client,
        ):
            yield client


async def until_proven(client: httpx.AsyncClient, backend: Backend) -> None:
    """Ask until services hear the gateway's token."""
    for _ in range(1_000):
        assert (await client.get("/api/inventory")).status_code == 200
        if backend.last.metadata.get("x-gateway-authorization") == "Bearer of the gateway":
            return
    raise AssertionError("the gateway never had a token")


async def test_the_gateway_gets_its_token_from_auth(backend: Backend) -> None:
    backend.answers["IssueServiceToken"] = lambda request, _: (
        auth_pb2.ServiceToken(access_token="of the gateway", expires_in_seconds=300)
        if (request.client_id, request.client_secret) == ("gateway", "s" * 32)
        else None
    )

    async with opened(backend) as client:
        await until_proven(client, backend)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE])
async def test_when_auth_gives_it_none_the_gateway_serves_all_the_same(backend: Backend, code: grpc.StatusCode) -> None:
    async def refuse(_: Any, context: Any) -> None:
        await context.abort(code, "not now")

    backend.answers["IssueServiceToken"] = refuse

    async with opened(backend) as client:
        answers = [await client.get("/api/inventory") for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    listed = [received.metadata for received in backend.received if received.method == "ListItems"]
    assert all("x-gateway-authorization" not in metadata for metadata in listed)

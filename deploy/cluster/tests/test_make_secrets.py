"""Random secrets are made once, whoever tries at the same time, and what is there stays."""

import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest

from chassis.testing_tls import TestAuthority
from deploy.cluster.api_server import ApiServer, NotAnswered, Refused, SecretVersion
from deploy.cluster.make_secrets import fill_in, missing
from deploy.cluster.tests.secret_endpoint import SecretEndpoint, serving

SIGNING = {"JWT_SECRET", "JWT_REFRESH_SECRET"}
CLIENTS = {"ORDERS_CLIENT_SECRET", "NOTIFIER_CLIENT_SECRET", "GATEWAY_CLIENT_SECRET"}
PASSWORDS = {"ADMIN_PASSWORD", "DEMO_PASSWORD"}
AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
ALL = SIGNING | CLIENTS | PASSWORDS | AWS | {"SERVICE_CLIENTS"}
PATIENT_SECONDS = 10.0


@pytest.fixture
def endpoint() -> SecretEndpoint:
    return SecretEndpoint()


@pytest.fixture
def api(endpoint: SecretEndpoint, tmp_path: Path) -> Iterator[ApiServer]:
    with serving(endpoint, tmp_path) as api:
        yield api


def kept(endpoint: SecretEndpoint) -> dict[str, str]:
    return {key: b64decode(value).decode() for key, value in (endpoint.data or {}).items()}


def test_an_empty_secret_gets_every_key(endpoint: SecretEndpoint, api: ApiServer) -> None:
    fill_in(api, "ordermesh", PATIENT_SECONDS)

    values = kept(endpoint)
    assert values.keys() == ALL
    assert len(set(values.values())) == len(ALL)
    assert all(len(values[key]) >= 64 for key in SIGNING | CLIENTS)


def test_auth_is_told_the_hashes_of_the_secrets_that_were_made(endpoint: SecretEndpoint, api: ApiServer) -> None:
    fill_in(api, "ordermesh", PATIENT_SECONDS)

    values = kept(endpoint)
    told = dict(entry.split(":") for entry in values["SERVICE_CLIENTS"].split(","))
    assert told == {
        name: sha256(values[f"{name.upper()}_CLIENT_SECRET"].encode()).hexdigest()
        for name in ("orders", "notifier", "gateway")
    }


def test_a_second_run_writes_nothing(endpoint: SecretEndpoint, api: ApiServer) -> None:
    fill_in(api, "ordermesh", PATIENT_SECONDS)
    first = kept(endpoint)

    fill_in(api, "ordermesh", PATIENT_SECONDS)

    assert kept(endpoint) == first
    assert len(endpoint.writes) == 1


def test_what_somebody_chose_stays_and_the_rest_is_made(endpoint: SecretEndpoint, api: ApiServer) -> None:
    endpoint.data = {"DEMO_PASSWORD": b64encode(b"chosen by a person").decode()}

    fill_in(api, "ordermesh", PATIENT_SECONDS)

    assert kept(endpoint)["DEMO_PASSWORD"] == "chosen by a person"
    assert endpoint.writes == [ALL - {"DEMO_PASSWORD"}]


def test_two_runs_at_once_end_with_the_secrets_of_one(endpoint: SecretEndpoint, api: ApiServer) -> None:
    both_have_read = Barrier(2, timeout=PATIENT_SECONDS)
    reads = 0

    def wait_for_the_other() -> None:
        nonlocal reads
        reads += 1
        if reads <= 2:
            both_have_read.wait()

    endpoint.on_read = wait_for_the_other
    with ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(fill_in, api, "ordermesh", PATIENT_SECONDS) for _ in range(2)]:
            run.result()

    assert endpoint.writes == [ALL]
    assert kept(endpoint).keys() == ALL


def test_what_somebody_writes_between_reading_and_writing_is_not_overwritten(
    endpoint: SecretEndpoint, api: ApiServer
) -> None:
    def write_once() -> None:
        if endpoint.version == 1:
            endpoint.write("JWT_SECRET", b64encode(b"s" * 64).decode())

    endpoint.on_read = write_once

    fill_in(api, "ordermesh", PATIENT_SECONDS)

    assert kept(endpoint)["JWT_SECRET"] == "s" * 64
    assert endpoint.writes == [ALL - {"JWT_SECRET"}]


def test_a_lost_client_secret_is_made_again_and_auth_is_told() -> None:
    before = missing({})
    known = {key: value for key, value in before.items() if key != "ORDERS_CLIENT_SECRET"}
    known["SERVICE_CLIENTS"] += ",billing:" + 64 * "a"

    made = missing(known)

    assert made.keys() == {"ORDERS_CLIENT_SECRET", "SERVICE_CLIENTS"}
    told = dict(entry.split(":") for entry in made["SERVICE_CLIENTS"].split(","))
    assert told["orders"] == sha256(made["ORDERS_CLIENT_SECRET"].encode()).hexdigest()
    assert told["notifier"] in before["SERVICE_CLIENTS"]
    assert told["billing"] == 64 * "a"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_api_server_that_is_busy_is_asked_again(endpoint: SecretEndpoint, api: ApiServer, status: int) -> None:
    endpoint.refusals = [status]

    fill_in(api, "ordermesh", PATIENT_SECONDS)

    assert kept(endpoint).keys() == ALL


def test_an_answer_that_is_no_secret_is_not_taken_for_an_empty_one(endpoint: SecretEndpoint, api: ApiServer) -> None:
    endpoint.refusals = [200]

    fill_in(api, "ordermesh", PATIENT_SECONDS)

    assert endpoint.refusals == []
    assert len(endpoint.writes) == 1


def test_an_api_server_that_forbids_is_not_asked_again(endpoint: SecretEndpoint, api: ApiServer) -> None:
    endpoint.refusals = [403, 403]

    with pytest.raises(Refused, match="403: said by the API server"):
        fill_in(api, "ordermesh", PATIENT_SECONDS)

    assert endpoint.refusals == [403]


def test_a_secret_that_is_not_there_is_not_made(api: ApiServer) -> None:
    with pytest.raises(Refused, match=r"404: .*/secrets/another not found"):
        fill_in(api, "another", PATIENT_SECONDS)


def test_a_server_with_another_cas_certificate_is_told_no_token(
    endpoint: SecretEndpoint, api: ApiServer, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    TestAuthority(other)
    for name in ("token", "namespace"):
        (other / name).write_text("x")

    with pytest.raises(Refused, match="certificate is not its CA's"):
        fill_in(replace(api, folder=other), "ordermesh", PATIENT_SECONDS)

    assert endpoint.writes == []


def test_an_api_server_that_never_answers_is_given_up(api: ApiServer) -> None:
    with pytest.raises(NotAnswered, match="does not answer"):
        fill_in(replace(api, port=1), "ordermesh", 0.0)


def test_no_secret_shows_itself() -> None:
    assert "s3cret" not in repr(SecretVersion("7", {"JWT_SECRET": "s3cret"}))


def test_outside_of_a_pod_the_command_says_so() -> None:
    command = [sys.executable, "-m", "deploy.cluster", "secrets", "--secret", "ordermesh"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": ""})  # noqa: S603 - ours

    assert run.returncode == 1
    assert "this is no pod" in run.stderr

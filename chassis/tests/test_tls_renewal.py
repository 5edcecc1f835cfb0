"""New certificates are taken while servers and channels live, and bad ones are not."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from chassis import renewed_channel
from chassis import tls as tls_module
from chassis.certificates import CA, CERTIFICATE, KEY
from chassis.channels import open_channel
from chassis.config import Environment
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.testing_tls import TestAuthority
from chassis.tests.part_of_auth import PartOfAuth
from chassis.tls import EXPIRY_WARNING_SECONDS, RELOAD_SECONDS, Tls
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1 import auth_service_pb2_grpc as pb_grpc

AUTH = pb.DESCRIPTOR.services_by_name["AuthService"]
ANSWER_SECONDS = 10.0
DAY = timedelta(days=1)


class Visited(PartOfAuth):
    """Remembers the certificates that calls came with; Register waits until it is told to answer."""

    def __init__(self) -> None:
        self.serials: list[int] = []
        self.may_answer = asyncio.Event()

    async def Register(self, request: Any, context: Any) -> pb.User:
        self._remember(context)
        await self.may_answer.wait()
        return pb.User()

    async def GetJsonWebKeySet(self, request: Any, context: Any) -> pb.JsonWebKeySet:
        self._remember(context)
        return pb.JsonWebKeySet()

    def _remember(self, context: Any) -> None:
        (pem,) = context.auth_context()["x509_pem_cert"]
        self.serials.append(serial_of(pem))


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path / "mesh")


@pytest.fixture
def visited() -> Visited:
    return Visited()


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the monotonic clock of the module."""
    now = 1_000.0
    monkeypatch.setattr(tls_module, "monotonic", lambda: now)

    def move(seconds: float) -> None:
        nonlocal now
        now += seconds

    return move


@pytest.fixture
async def address(visited: Visited, authority: TestAuthority, after: Callable[[float], None]) -> AsyncIterator[str]:
    """Where auth is."""
    service = Service(AUTH, lambda server: pb_grpc.add_AuthServiceServicer_to_server(visited, server))
    application = Application([service], TestIssuer().verifier)
    config = replace(TEST_SERVER, tls=authority.tls("auth"))
    async with running_server(config, application, "127.0.0.1:0") as port:
        yield f"ipv4:127.0.0.1:{port}"


def serial(path: str) -> int:
    return serial_of(Path(path).read_bytes())


def serial_of(pem: bytes) -> int:
    return load_pem_x509_certificate(pem).serial_number


def replace_files(keys: dict[str, str], others: dict[str, str]) -> None:
    for key in (CERTIFICATE, KEY):
        Path(keys[key]).write_bytes(Path(others[key]).read_bytes())


async def shown_by(address: str, keys: dict[str, str]) -> int:
    """The serial number of the certificate that a new connection is shown; it must be taken by the server too."""
    context = ssl.create_default_context(cafile=keys[CA])
    context.load_cert_chain(keys[CERTIFICATE], keys[KEY])
    context.set_alpn_protocols(["h2"])
    _, host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname="auth")
    await reader.readexactly(1)  # with TLS 1.3 the client has done its part before the server looks at it
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return load_der_x509_certificate(certificate).serial_number


async def get_keys(channel: grpc.aio.Channel) -> None:
    await pb_grpc.AuthServiceStub(channel).GetJsonWebKeySet(pb.GetJsonWebKeySetRequest(), timeout=ANSWER_SECONDS)


async def test_a_server_shows_its_new_certificate_to_who_connects(
    address: str, authority: TestAuthority, after: Callable[[float], None]
) -> None:
    me = authority.issue("orders")
    former = await shown_by(address, me)
    renewed = serial(authority.issue("auth")[CERTIFICATE])

    before_the_files_are_read_again = await shown_by(address, me)
    after(RELOAD_SECONDS)

    assert before_the_files_are_read_again == former
    assert await shown_by(address, me) == renewed != former


async def test_calls_come_with_the_new_certificate_and_those_under_way_end_well(
    address: str, authority: TestAuthority, visited: Visited, after: Callable[[float], None]
) -> None:
    tls = authority.tls("orders")
    async with open_channel(address, AUTH, tls) as channel:
        stub = pb_grpc.AuthServiceStub(channel)
        under_way = asyncio.create_task(_register(stub))
        async with asyncio.timeout(ANSWER_SECONDS):
            while not visited.serials:
                await asyncio.sleep(0.005)
        renewed = serial(authority.issue("orders")[CERTIFICATE])
        after(RELOAD_SECONDS)

        await stub.GetJsonWebKeySet(pb.GetJsonWebKeySetRequest(), timeout=ANSWER_SECONDS)
        visited.may_answer.set()

        assert await under_way == pb.User()
    first, second = visited.serials
    assert second == renewed != first


async def test_a_closed_channel_leaves_nothing_of_its_former_self(
    address: str, authority: TestAuthority, visited: Visited, after: Callable[[float], None]
) -> None:
    async with open_channel(address, AUTH, authority.tls("orders")) as channel:
        under_way = asyncio.create_task(_register(pb_grpc.AuthServiceStub(channel)))
        async with asyncio.timeout(ANSWER_SECONDS):
            while not visited.serials:
                await asyncio.sleep(0.005)
        authority.issue("orders")
        after(RELOAD_SECONDS)
        await get_keys(channel)

    await asyncio.wait([under_way], timeout=ANSWER_SECONDS)

    assert under_way.cancelled()


async def test_a_call_that_never_ends_does_not_keep_a_former_channel_for_ever(
    address: str,
    authority: TestAuthority,
    visited: Visited,
    after: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(renewed_channel, "RETIRE_SECONDS", 0.05)
    async with open_channel(address, AUTH, authority.tls("orders")) as channel:
        under_way = asyncio.create_task(_register(pb_grpc.AuthServiceStub(channel)))
        async with asyncio.timeout(ANSWER_SECONDS):
            while not visited.serials:
                await asyncio.sleep(0.005)
        authority.issue("orders")
        after(RELOAD_SECONDS)
        await get_keys(channel)

        await asyncio.wait([under_way], timeout=ANSWER_SECONDS)

        assert under_way.cancelled()


async def test_a_ca_is_replaced_in_three_steps_without_a_refused_call(
    address: str, authority: TestAuthority, tmp_path: Path, after: Callable[[float], None]
) -> None:
    """Both are believed; then everybody gets a certificate of the new one; then the old one is forgotten."""
    successor = TestAuthority(tmp_path / "successor")
    old, new = authority.file.read_bytes(), successor.file.read_bytes()
    former = authority.issue("notifier")
    async with open_channel(address, AUTH, authority.tls("orders")) as channel:
        await get_keys(channel)
        authority.file.write_bytes(old + new)
        after(RELOAD_SECONDS)
        await get_keys(channel)
        for name in ("orders", "auth"):
            replace_files(authority.issue(name), successor.issue(name))
            after(RELOAD_SECONDS)
            await get_keys(channel)
        authority.file.write_bytes(new)
        after(RELOAD_SECONDS)
        await get_keys(channel)

    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await shown_by(address, former)


def test_files_that_do_not_fit_yet_are_named_once_and_used_when_they_do(
    authority: TestAuthority, after: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chassis.tls")
    tls = authority.tls("orders")
    former, key = tls.current(), authority.file.parent / "orders.key"
    renewed = serial(authority.issue("orders")[CERTIFICATE])
    complete = key.read_bytes()
    key.write_bytes(former.key)

    kept = []
    for _ in range(3):
        after(RELOAD_SECONDS)
        kept.append(tls.current())
    key.write_bytes(complete)
    after(RELOAD_SECONDS)

    assert kept == [former] * 3
    assert serial_of(tls.current().certificate) == renewed
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "TLS_KEY_FILE does not fit the certificate in TLS_CERT_FILE" in caplog.text


@pytest.mark.parametrize(("days_left", "is_warned"), [(19, True), (21, False)])
def test_a_certificate_that_nobody_renews_is_named_once_an_hour(
    authority: TestAuthority,
    after: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
    days_left: int,
    is_warned: bool,
) -> None:
    caplog.set_level(logging.WARNING, "chassis.tls")
    tls = Tls.read(Environment(authority.issue("orders", life=(-(100 - days_left) * DAY, days_left * DAY))))
    assert tls is not None

    warnings = []
    for seconds in (RELOAD_SECONDS, EXPIRY_WARNING_SECONDS - RELOAD_SECONDS, RELOAD_SECONDS):
        after(seconds)
        tls.current()
        warnings.append(len(caplog.records))

    assert warnings == ([1, 1, 2] if is_warned else [0, 0, 0])


async def _register(stub: Any) -> pb.User:
    answer: pb.User = await stub.Register(pb.RegisterRequest(), timeout=ANSWER_SECONDS)
    return answer

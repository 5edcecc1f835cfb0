"""Whose call it is: the gateway is believed when it proves who it is, and nobody else; through a real server."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from chassis.call import Call, current_call
from chassis.interceptors import client as client_layer
from chassis.server import Service
from chassis.testing import TestIssuer, bearer, logged_calls, served
from chassis.tests.part_of_auth import PartOfAuth
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1 import auth_service_pb2_grpc as pb_grpc

HERE = "127.0.0.1"
THERE = "203.0.113.9"


class Auth(PartOfAuth):
    """Remembers the calls that it answers."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def GetJsonWebKeySet(self, request: Any, context: Any) -> pb.JsonWebKeySet:
        self._remember()
        return pb.JsonWebKeySet()

    async def GetCurrentUser(self, request: Any, context: Any) -> pb.User:
        self._remember()
        return pb.User()

    def _remember(self) -> None:
        call = current_call()
        assert call is not None
        self.calls.append(call)


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def stub(auth: Auth, issuer: TestIssuer) -> AsyncIterator[Any]:
    service = Service(
        pb.DESCRIPTOR.services_by_name["AuthService"],
        lambda server: pb_grpc.add_AuthServiceServicer_to_server(auth, server),
    )
    async with served(service, issuer=issuer) as channel:
        yield pb_grpc.AuthServiceStub(channel)


def told(address: str | None, token: str | None) -> tuple[tuple[str, str], ...]:
    """What a gateway sends of its client, and its proof."""
    return (
        *((("x-client-address", address),) if address is not None else ()),
        *((("x-gateway-authorization", f"Bearer {token}"),) if token is not None else ()),
    )


async def seen(stub: Any, auth: Auth, metadata: tuple[tuple[str, str], ...]) -> tuple[str, bool]:
    await stub.GetJsonWebKeySet(pb.GetJsonWebKeySetRequest(), metadata=metadata)
    return auth.calls[-1].client_address, auth.calls[-1].client_is_hidden


async def test_who_says_nothing_is_the_other_end_of_the_connection(stub: Any, auth: Auth) -> None:
    assert await seen(stub, auth, ()) == (HERE, False)


@pytest.mark.parametrize(
    ("said", "address"),
    [(THERE, THERE), ("::ffff:203.0.113.9", THERE), ("2001:DB8::7", "2001:db8::7")],
)
async def test_the_gateway_is_believed(stub: Any, auth: Auth, issuer: TestIssuer, said: str, address: str) -> None:
    assert await seen(stub, auth, told(said, issuer.service("gateway"))) == (address, False)


@pytest.mark.parametrize("who", ["nobody", "empty", "another service", "a user", "another issuer", "another scheme"])
async def test_nobody_else_is(stub: Any, auth: Auth, issuer: TestIssuer, who: str) -> None:
    tokens = {
        "empty": "",
        "another service": issuer.service("orders"),
        "a user": issuer.user("gateway"),
        "another issuer": TestIssuer().service("gateway"),
        "another scheme": f"Basic {issuer.service('gateway')}",
    }

    assert await seen(stub, auth, told(THERE, tokens.get(who))) == (HERE, True)


async def test_a_proof_that_has_expired_proves_nothing_and_fails_no_call(
    stub: Any, auth: Auth, issuer: TestIssuer
) -> None:
    expired = issuer._sign(  # noqa: SLF001 - tokens of the past are nothing that tests need elsewhere
        {"sub": "gateway", "client_id": "gateway", "exp": datetime.now(UTC) - timedelta(minutes=5)}
    )

    assert await seen(stub, auth, told(THERE, expired)) == (HERE, True)


@pytest.mark.parametrize("said", [None, "", "somewhere", "203.0.113.9, 203.0.113.10"])
async def test_a_gateway_that_says_no_address_hides_its_client(
    stub: Any, auth: Auth, issuer: TestIssuer, said: str | None
) -> None:
    assert await seen(stub, auth, told(said, issuer.service("gateway"))) == (HERE, True)


async def test_the_proof_of_the_gateway_opens_nothing(stub: Any, issuer: TestIssuer) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetCurrentUser(pb.GetCurrentUserRequest(), metadata=told(THERE, issuer.service("gateway")))

    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_the_users_own_token_says_who_calls(stub: Any, auth: Auth, issuer: TestIssuer) -> None:
    metadata = bearer(issuer.user("ada"), *told(THERE, issuer.service("gateway")))

    await stub.GetCurrentUser(pb.GetCurrentUserRequest(), metadata=metadata)

    identity = auth.calls[-1].identity
    assert identity is not None
    assert (identity.kind, identity.subject, auth.calls[-1].client_address) == ("user", "ada", THERE)


async def test_the_log_has_the_client_also_of_a_call_that_is_refused(
    stub: Any, issuer: TestIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ordermesh.rpc")
    await stub.GetJsonWebKeySet(pb.GetJsonWebKeySetRequest())
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.GetCurrentUser(pb.GetCurrentUserRequest(), metadata=told(THERE, issuer.service("gateway")))

    lines = await logged_calls(caplog.records, 2)

    assert [(line["code"], line["client"]) for line in lines] == [("OK", HERE), ("UNAUTHENTICATED", THERE)]


async def test_hidden_clients_are_warned_of_now_and_then_and_counted(
    stub: Any, auth: Auth, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(client_layer, "monotonic", lambda: now)
    for _ in range(3):
        await seen(stub, auth, told(THERE, "nonsense"))
    now += client_layer.WARN_AGAIN_SECONDS

    await seen(stub, auth, told(THERE, "nonsense"))

    warned = [record.getMessage() for record in caplog.records if record.name == client_layer.__name__]
    assert [line.split(" calls ")[0] for line in warned] == ["1", "3"]
    assert all(HERE in line and THERE not in line for line in warned)

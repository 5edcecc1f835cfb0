"""A process's own token and auth's keys, while auth comes and goes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from chassis import mesh
from chassis.call import Call, calling
from chassis.config import Secret
from chassis.errors import Unavailable
from chassis.mesh import MeshConfig, RemoteKeys, ServiceToken
from chassis.server import Service
from chassis.testing import TestIssuer, served
from chassis.tests.part_of_auth import PartOfAuth
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1.auth_service_pb2_grpc import (
    AuthServiceStub,
    add_AuthServiceServicer_to_server,
)

CONFIG = MeshConfig("dns:///auth", "orders", Secret("s" * 32))


class Auth(PartOfAuth):
    """Gives numbered tokens; it can be down, and it can hang."""

    def __init__(self) -> None:
        self.issued = 0
        self.asked = 0
        self.life_seconds = 300
        self.is_down = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def IssueServiceToken(self, request: Any, context: Any) -> pb.ServiceToken:
        await self._serve()
        self.issued += 1
        return pb.ServiceToken(access_token=f"token-{self.issued}", expires_in_seconds=self.life_seconds)

    async def GetJsonWebKeySet(self, request: Any, context: Any) -> pb.JsonWebKeySet:
        await self._serve()
        return pb.JsonWebKeySet()

    async def _serve(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.is_down:
            raise Unavailable("down")


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def stub(auth: Auth) -> AsyncIterator[Any]:
    def register(server: grpc.aio.Server) -> None:
        add_AuthServiceServicer_to_server(auth, server)

    service = Service(pb.DESCRIPTOR.services_by_name["AuthService"], register)
    async with served(service, issuer=TestIssuer()) as channel:
        yield AuthServiceStub(channel)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the monotonic clock of the module."""
    now = 1_000.0
    monkeypatch.setattr(mesh, "monotonic", lambda: now)

    def move(seconds: float) -> None:
        nonlocal now
        now = 1_000.0 + seconds

    return move


async def test_a_token_is_kept_while_it_is_young(auth: Auth, stub: Any, at: Callable[[float], None]) -> None:
    token = ServiceToken(stub, CONFIG)

    first = await token.token()
    at(200)

    assert (first, await token.token(), auth.asked) == ("token-1", "token-1", 1)


async def test_nobody_waits_for_a_renewal_while_the_token_is_valid(
    auth: Auth, stub: Any, at: Callable[[float], None]
) -> None:
    token = ServiceToken(stub, CONFIG)
    await token.token()
    at(250)
    auth.answers.clear()

    while_auth_hangs = await token.token()
    auth.answers.set()
    while auth.issued < 2:
        await asyncio.sleep(0)
    at(290)
    async with asyncio.timeout(5):
        while await token.token() != "token-2":
            await asyncio.sleep(0)

    assert while_auth_hangs == "token-1"


async def test_without_auth_and_without_a_token_calls_fail_at_once(
    auth: Auth, stub: Any, at: Callable[[float], None]
) -> None:
    auth.is_down = True
    token = ServiceToken(stub, CONFIG)

    for _ in range(5):
        with pytest.raises(Unavailable):
            await token.token()

    assert auth.asked == 1, "auth is asked at most once a second"
    auth.is_down = False
    at(2)
    assert await token.token() == "token-1"


async def test_many_callers_share_one_renewal(auth: Auth, stub: Any) -> None:
    token = ServiceToken(stub, CONFIG)

    tokens = await asyncio.gather(*(token.token() for _ in range(20)))

    assert (set(tokens), auth.asked) == ({"token-1"}, 1)


async def test_a_token_that_was_refused_is_not_given_again(auth: Auth, stub: Any, at: Callable[[float], None]) -> None:
    token = ServiceToken(stub, CONFIG)
    first = await token.token()
    at(60)

    token.refused(first)
    token.refused("an older one")

    assert await token.token() == "token-2"


async def test_a_callers_deadline_does_not_end_what_others_wait_for(auth: Auth, stub: Any) -> None:
    keys = RemoteKeys(stub)
    auth.answers.clear()

    async def hurried() -> None:
        with calling(Call("request-1", "", asyncio.get_running_loop().time() + 0.02)):
            await asyncio.wait_for(keys.key("unknown"), 0.02)

    with pytest.raises(TimeoutError):
        await hurried()
    patient = asyncio.create_task(keys.key("unknown"))
    await asyncio.sleep(0)
    auth.answers.set()

    assert await patient is None
    assert auth.asked == 1

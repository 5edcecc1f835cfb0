"""Limits from end to end: clients behind a proxy and a gateway, two auths, one Redis."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

import grpc
import httpx
import pytest
from redis.asyncio import Redis

from chassis.errors import read_details
from chassis.mongo import Database
from chassis.server import running_server
from chassis.testing import TEST_SERVER
from gateway.app import open_gateway
from gateway.config import GatewayConfig
from gateway.connections import Connections
from gateway.server import running
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from services.auth.app import open_auth
from services.auth.config import AuthConfig
from services.auth.tests.scene import mongo_uri_of

WAIT_SECONDS_MAX = 20.0
GATEWAY_SECRET = "the secret of the gateway, which is long enough"
HERE, THERE = "198.51.100.1", "2001:db8::1"


@dataclass(frozen=True)
class Stores:
    """The environment that auths share, with a limit of three logins from one address."""

    environment: dict[str, str]

    def auth(self, **more: str) -> AuthConfig:
        return AuthConfig.from_environment(self.environment | more)


@pytest.fixture
async def stores(mongo_uri: str, database: Database, redis_url: str) -> Stores:
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    return Stores(
        {
            "MONGO_URI": mongo_uri_of(mongo_uri, database),
            "REDIS_URL": redis_url,
            "JWT_SECRET": "the secret that access tokens are signed with",
            "JWT_REFRESH_SECRET": "the secret that refresh tokens are made with",
            "SERVICE_CLIENTS": f"gateway:{sha256(GATEWAY_SECRET.encode()).hexdigest()}",
            "LOGIN_LIMIT_ADDRESS": "3/3600",
        }
    )


@asynccontextmanager
async def auth_at_port(config: AuthConfig) -> AsyncIterator[int]:
    async with open_auth(config) as application, running_server(TEST_SERVER, application, "127.0.0.1:0") as port:
        yield port


@asynccontextmanager
async def gateway_before(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway in front of the auth at ``port``; it is its proxy at the same time, and trusted."""
    config = GatewayConfig.from_environment(
        {
            "AUTH_ADDR": f"127.0.0.1:{port}",
            "SERVICE_CLIENT_ID": "gateway",
            "SERVICE_CLIENT_SECRET": GATEWAY_SECRET,
            "TRUSTED_PROXIES": "127.0.0.1",
        }
    )
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        open_gateway(config) as gateway,
        running(gateway, listener, Connections(), lame_duck_seconds=0.0, drain_seconds=1.0),
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


async def guess(gateway: httpx.AsyncClient, address: str) -> httpx.Response:
    account = {"email": "ada@example.com", "password": "guess"}
    return await gateway.post("/api/auth/login", json=account, headers={"x-forwarded-for": address})


async def refresh(gateway: httpx.AsyncClient, address: str) -> int:
    """The status of a refresh with a token that is none."""
    token = {"refreshToken": "nonsense"}
    return (await gateway.post("/api/auth/refresh", json=token, headers={"x-forwarded-for": address})).status_code


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await condition():
            await asyncio.sleep(0.05)


async def until_believed(gateway: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """Wait until auth's log has the client's address: the gateway has its token."""
    caplog.set_level(logging.INFO)

    async def believed() -> bool:
        caplog.clear()
        answer = await gateway.get("/api/auth/jwks.json", headers={"x-forwarded-for": HERE})
        assert answer.status_code == 200
        lines = [vars(record).get("fields", {}) for record in caplog.records if record.name == "ordermesh.rpc"]
        return any(line["client"] == HERE for line in lines)

    await eventually(believed)


async def test_one_client_of_a_gateway_is_told_to_wait_and_the_next_one_is_not(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    async with auth_at_port(stores.auth()) as port, gateway_before(port) as gateway:
        await until_believed(gateway, caplog)
        answers = [await guess(gateway, HERE) for _ in range(4)]
        neighbours = [await guess(gateway, address) for address in (THERE, "2001:db8::2", "2001:db8::3")]
        same_network = await guess(gateway, "2001:db8::4")
        other_network = await guess(gateway, "2001:db8:0:1::1")

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    problem = answers[-1].json()
    assert (problem["reason"], problem["metadata"]) == ("RATE_LIMITED", {"limit": "login-address"})
    assert 0 < int(answers[-1].headers["retry-after"]) <= 2 * 3600
    assert {answer.status_code for answer in neighbours} == {401}
    assert (same_network.status_code, other_network.status_code) == (429, 401)


async def test_who_calls_auth_itself_is_its_own_client_whatever_it_says(stores: Stores) -> None:
    async with (
        auth_at_port(stores.auth()) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = AuthServiceStub(channel)
        request = auth_pb2.LoginRequest(email="ada@example.com", password="guess")
        for _ in range(3):
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.Login(request)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Login(request, metadata=(("x-forwarded-for", HERE),))

    assert read_details(caught.value).reason == "RATE_LIMITED"


async def test_a_gateway_that_auth_does_not_know_serves_all_its_clients(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = stores.auth(SERVICE_CLIENTS=f"orders:{'0' * 64}")
    async with auth_at_port(stranger) as port, gateway_before(port) as gateway:
        answers = [await guess(gateway, f"198.51.100.{number}") for number in range(8)]

    assert {answer.status_code for answer in answers} == {401}
    assert "does auth know the gateway and its secret?" in caplog.text


async def test_two_auths_that_share_a_redis_share_their_limits(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    config = stores.auth(REFRESH_LIMIT_ADDRESS="200/3600")
    async with (
        auth_at_port(config) as one,
        auth_at_port(config) as other,
        gateway_before(one) as first,
        gateway_before(other) as second,
    ):
        await until_believed(first, caplog)
        await until_believed(second, caplog)
        at_the_first = Counter([await refresh(first, HERE) for _ in range(201)])
        at_the_second: Counter[int] = Counter()

        async def refused() -> bool:
            status = await refresh(second, HERE)
            at_the_second[status] += 1
            return status == 429

        await eventually(refused)
        somebody_else = await refresh(second, THERE)

    assert at_the_first == {401: 200, 429: 1}
    assert 1 <= at_the_second[401] < 100, "alone it would let as many pass as the first one"
    assert somebody_else == 401


async def test_without_redis_auth_limits_alone(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    lonely = stores.auth(REDIS_URL="redis://127.0.0.1:1/0")
    async with auth_at_port(lonely) as port, gateway_before(port) as gateway:
        await until_believed(gateway, caplog)
        answers = [await guess(gateway, HERE) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]

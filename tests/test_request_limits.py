"""How often a client may ask, as the gateway's own configuration says it, with a real Redis and without one."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from gateway.app import open_gateway
from gateway.config import GatewayConfig
from gateway.connections import Connections
from gateway.server import running

PATIENCE_SECONDS = 20
LIMIT = 20


@asynccontextmanager
async def gateway(redis_url: str, limit: str) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway without services: what reaches one is answered with 503."""
    config = GatewayConfig.from_environment(
        {
            "AUTH_ADDR": "127.0.0.1:1",
            "INVENTORY_ADDR": "127.0.0.1:1",
            "ORDERS_ADDR": "127.0.0.1:1",
            "NOTIFIER_ADDR": "127.0.0.1:1",
            "SERVICE_CLIENT_ID": "gateway",
            "SERVICE_CLIENT_SECRET": "s" * 32,
            "REDIS_URL": redis_url,
            "REQUEST_LIMIT_ADDRESS": limit,
        }
    )
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        open_gateway(config) as app,
        running(app, listener, Connections(), lame_duck_seconds=0.0, drain_seconds=1.0),
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient) -> int:
    """The status of a request that every gateway refuses by itself, after it was counted."""
    return (await client.get("/api/inventory?colour=red")).status_code


async def test_gateways_with_one_redis_share_a_limit(redis_url: str) -> None:
    limit = f"{LIMIT}/3600"
    async with gateway(redis_url, limit) as here, gateway(redis_url, limit) as there:
        assert [await ask(here) for _ in range(LIMIT)] == [400] * LIMIT

        async with asyncio.timeout(PATIENCE_SECONDS):
            while (status := await ask(there)) != 429:
                assert status == 400

        assert await ask(here) == 429


async def test_without_redis_each_gateway_still_limits() -> None:
    async with gateway("redis://127.0.0.1:1/0", f"{LIMIT}/3600") as client:
        statuses = [await ask(client) for _ in range(LIMIT + 1)]

    assert statuses == [400] * LIMIT + [429]


async def test_there_is_no_limit_unless_one_is_set() -> None:
    async with gateway("redis://127.0.0.1:1/0", "off") as client:
        answer = await client.get("/api/inventory?colour=red")

    assert "ratelimit" not in answer.headers

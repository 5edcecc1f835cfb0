"""Every place where the mesh keeps or shows something, to look for what must be in none of them."""

from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from deploy.local.ports import HOST
from deploy.local.settings import MESH
from deploy.local.stack import Stack
from tests.e2e.conftest import Shop, eventually

SERVERS_OWN = frozenset({"admin", "config", "local"})
"""Databases that MongoDB keeps for itself."""

SLOW_QUERIES = "the log mongod.log"
"""MongoDB writes down what it was asked when that took long. So what may be in it may be there, too."""


async def places_with(shop: Shop, needles: Collection[str]) -> list[str]:
    """Where one of ``needles`` stands: logs, metrics, MongoDB, Redis, the queue, mails."""
    await _everything_written(shop)
    return [place async for place, text in _places(shop.stack) if any(needle in text for needle in needles)]


async def _places(stack: Stack) -> AsyncIterator[tuple[str, str]]:
    for path in stack.state.log_files():
        yield f"the log {path.name}", path.read_text(errors="replace")
    async with httpx.AsyncClient(trust_env=False, timeout=15) as http:
        for name in MESH:
            for port in stack.settings.metrics_ports(name):
                yield f"the metrics of {name}", (await http.get(f"http://{HOST}:{port}/metrics")).text
        yield "SQS and SES", (await http.get(f"{stack.environment['AWS_ENDPOINT_URL']}/moto-api/data.json")).text
    async for place in _in_mongo(stack.environment["MONGO_URI"]):
        yield place
    async for place in _in_redis(stack.environment["REDIS_URL"]):
        yield place


async def _in_mongo(uri: str) -> AsyncIterator[tuple[str, str]]:
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(uri)
    async with client:
        for name in set(await client.list_database_names()) - SERVERS_OWN:
            for collection in await client[name].list_collection_names():
                with suppress(OperationFailure):  # a view or a collection that was dropped meanwhile
                    async for document in client[name][collection].find():
                        yield f"MongoDB {name}.{collection}", repr(document)


async def _in_redis(url: str) -> AsyncIterator[tuple[str, str]]:
    reads = ("get", "hgetall", "smembers", "lrange 0 -1", "zrange 0 -1 withscores", "xrange - +")
    client: Any = Redis.from_url(url)  # its way to send any command has no types
    async with client as redis:
        async for key in redis.scan_iter():
            yield "Redis", repr(key)
            for read in reads:
                command, *arguments = read.split()
                with suppress(ResponseError):  # the key has another type
                    yield f"Redis {key!r}", repr(await redis.execute_command(command, key, *arguments))


async def _everything_written(shop: Shop) -> None:
    """A call's line comes behind its answer: wait for those of calls that came after all others."""
    request_id = uuid4().hex
    for path in ("/api/auth/me", "/api/orders", "/api/inventory", "/api/notifications"):
        await shop.http.get(path, headers={"x-request-id": request_id})
    logs = [shop.stack.state.log_file(name) for name in MESH]

    async def written() -> bool:
        return all(request_id in path.read_text(errors="replace") for path in logs)

    await eventually(written)

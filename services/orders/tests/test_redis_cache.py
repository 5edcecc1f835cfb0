"""The cache in a real Redis, and without one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from chassis.redis import REDIS_CONNECTIONS_MAX, RedisConfig, open_redis
from chassis.testing import ManualClock
from chassis.tests.counted import value
from services.orders.cache import CACHE_SECONDS, FAILURES_MAX, RedisCache
from services.orders.memory_store import MemoryStore
from services.orders.order import Order
from services.orders.tests.conftest import SWEEP
from services.orders.tests.stored import placed, processed

READS = "ordermesh_orders_cache_reads_total"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(RedisConfig(redis_url)) as redis:
        yield redis
        await redis.flushdb()


@pytest.fixture
async def done(clock: ManualClock) -> Order:
    """An order that has ended."""
    store, order = MemoryStore(SWEEP), placed("o-1", datetime(2026, 7, 1, 12, tzinfo=UTC))
    await store.insert([order])
    return await processed(store, order, clock.now())


async def test_what_is_put_is_got_for_ten_minutes(redis: Redis, done: Order) -> None:
    cache = RedisCache(redis)

    await cache.put(done)

    assert await cache.get("o-1") == done
    assert 0 < await redis.ttl("order:o-1") <= CACHE_SECONDS == 600


async def test_what_is_not_there_is_not_remembered_as_missing(redis: Redis) -> None:
    cache = RedisCache(redis)

    assert await cache.get("o-1") is None
    assert await redis.keys("*") == []


async def test_without_redis_nothing_is_cached_and_nothing_fails(done: Order) -> None:
    async with open_redis(RedisConfig("redis://127.0.0.1:1/0")) as nowhere:
        cache = RedisCache(nowhere)

        for _ in range(10):
            await cache.put(done)
            assert await cache.get("o-1") is None


async def test_two_hundred_reads_at_once_of_a_redis_that_is_well_are_all_answered_by_it(
    redis: Redis, done: Order
) -> None:
    """There are far fewer connections: the others wait for one."""
    cache = RedisCache(redis)
    await cache.put(done)

    found = await asyncio.gather(*(cache.get("o-1") for _ in range(200)))

    assert found == [done] * 200


async def test_who_waited_for_a_connection_does_not_ask_a_redis_that_is_away(done: Order) -> None:
    async with open_redis(RedisConfig("redis://127.0.0.1:1/0")) as nowhere:
        cache = RedisCache(nowhere)

        before = value(READS, result="failed")

        await asyncio.gather(*(cache.get("o-1") for _ in range(200)))

        asked = value(READS, result="failed") - before
        assert FAILURES_MAX <= asked < FAILURES_MAX + REDIS_CONNECTIONS_MAX

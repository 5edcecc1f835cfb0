"""A session that was ended is refused by whoever follows Redis, whatever Redis loses or misses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from chassis.background import running
from chassis.clock import SystemClock
from chassis.redis import RedisConfig, open_redis
from chassis.revocations import (
    CHANNEL,
    RECENT_KEY,
    REMEMBERED,
    Revocation,
    RevocationFeed,
    Revocations,
    decoded,
    encoded,
)
from chassis.testing import ManualClock, TestIssuer
from chassis.tokens import TokenRevoked, TokenVerifier
from deploy.local.ports import HOST
from tests.faults.rig.proxy import open_proxy

PATIENCE_SECONDS = 10.0


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(RedisConfig(redis_url)) as redis:
        yield redis
        await redis.flushdb()


def revocation(session_id: str) -> Revocation:
    return Revocation(session_id, SystemClock().now())


@asynccontextmanager
async def following(url: str) -> AsyncIterator[Revocations]:
    revocations = Revocations(SystemClock())
    async with (
        open_redis(RedisConfig(url)) as redis,
        running(asyncio.create_task(RevocationFeed(redis, revocations).run())),
    ):
        yield revocations


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


async def keep(redis: Redis, one: Revocation) -> None:
    await redis.zadd(RECENT_KEY, {one.session_id: one.time.timestamp()})


async def subscribers(redis: Redis) -> int:
    ((_, count),) = await redis.pubsub_numsub(CHANNEL)
    return int(count)


async def until_somebody_subscribed(redis: Redis) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await subscribers(redis):
            await asyncio.sleep(0.01)


async def test_what_was_announced_before_is_read(redis: Redis, redis_url: str) -> None:
    await keep(redis, revocation("s-1"))

    async with following(redis_url) as revocations:
        await until(lambda: "s-1" in revocations)

    assert "s-2" not in revocations


async def test_what_is_announced_now_is_heard(redis: Redis, redis_url: str) -> None:
    async with following(redis_url) as revocations:
        await until_somebody_subscribed(redis)
        await redis.publish(CHANNEL, encoded([revocation("s-1"), revocation("s-2")]))
        await until(lambda: "s-1" in revocations and "s-2" in revocations)


async def test_what_the_channel_lost_is_read_a_moment_later(redis: Redis, redis_url: str) -> None:
    async with following(redis_url) as revocations:
        await until_somebody_subscribed(redis)
        await keep(redis, revocation("s-1"))
        await until(lambda: "s-1" in revocations)


@pytest.mark.parametrize("message", ["", "{", "17", '[["s-1"]]', '[["s-1", "soon"]]', '[["s-1", 1e400]]', "[null]"])
async def test_a_message_of_somebody_else_is_passed_over(redis: Redis, redis_url: str, message: str) -> None:
    async with following(redis_url) as revocations:
        await until_somebody_subscribed(redis)
        await redis.publish(CHANNEL, message)
        await redis.publish(CHANNEL, encoded([revocation("s-2")]))
        await until(lambda: "s-2" in revocations)

    assert len(revocations) == 1


async def test_what_was_ended_while_redis_was_away_is_heard_when_it_is_back(redis: Redis, redis_url: str) -> None:
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    async with (
        open_proxy(HOST, port) as proxy,
        following(f"redis://{HOST}:{proxy.port}/0") as revocations,
    ):
        await until_somebody_subscribed(redis)
        proxy.refuse = True
        proxy.cut()
        await keep(redis, revocation("s-1"))
        proxy.refuse = False
        await until(lambda: "s-1" in revocations)


async def test_a_connection_that_swallows_everything_is_given_up(
    redis: Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    async with (
        open_proxy(HOST, port) as proxy,
        following(f"redis://{HOST}:{proxy.port}/0") as revocations,
    ):
        await until_somebody_subscribed(redis)
        proxy.blackhole = True
        await keep(redis, revocation("s-1"))
        await until(lambda: "new revocations are not heard of" in caplog.text)
        proxy.blackhole = False
        await until(lambda: "s-1" in revocations)


def test_revocations_are_read_as_they_were_told() -> None:
    told = [revocation("s-1"), revocation("s-2")]

    assert decoded(encoded(told).encode()) == told


def test_a_revocation_is_forgotten_when_every_token_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    revocations = Revocations(clock)
    revocations.add([Revocation("s-1", clock.now())])
    clock.advance(REMEMBERED.total_seconds() - 1)
    monkeypatch.setattr("chassis.revocations.FORGET_SECONDS", -1.0)

    revocations.add([])
    assert "s-1" in revocations
    clock.advance(2)
    revocations.add([])
    assert "s-1" not in revocations


async def test_a_token_of_an_ended_session_is_refused_although_it_was_remembered() -> None:
    issuer, revocations = TestIssuer(), Revocations(SystemClock())
    verifier = TokenVerifier(issuer, SystemClock(), revocations)
    token, other = issuer.user("u-1", sid="s-1"), issuer.user("u-1", sid="s-2")
    await verifier.verify(token)

    revocations.add([revocation("s-1")])

    with pytest.raises(TokenRevoked):
        await verifier.verify(token)
    assert (await verifier.verify(other)).session_id == "s-2"


def test_revocations_are_remembered_longer_than_a_token_lives() -> None:
    assert timedelta(seconds=600) < REMEMBERED

"""Where counts are shared: one contract over memory and a real Redis, and a Redis that dies, hangs and comes back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from chassis import redis_counts
from chassis.background import running
from chassis.clock import SystemClock
from chassis.config import Secret
from chassis.rate_limits import Charge, Limit, RateLimited, RateLimits
from chassis.redis import RedisConfig
from chassis.redis_counts import open_redis_counts
from chassis.shared_counts import CountsUnavailable, MemoryCounts, Share, SharedCounts
from chassis.testing import ManualClock
from deploy.local.ports import free_ports
from deploy.local.redis_server import redis_process
from deploy.local.redis_server import redis_url as url_of
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

SECRET = Secret("the secret that hides whose counts they are")
HOUR_MS = 3_600_000
WAIT_SECONDS_MAX = 20.0
LIMIT = Limit("tries", 10, 3600)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client that looks at everything there is, with nothing there yet."""
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        yield redis
        await redis.flushdb()


@pytest.fixture
async def shared_in_redis(redis_url: str) -> AsyncIterator[SharedCounts]:
    async with open_redis_counts(RedisConfig(redis_url)) as counts:
        yield counts


@pytest.fixture(params=["memory", "redis"])
def counts(request: pytest.FixtureRequest) -> SharedCounts:
    if request.param == "memory":
        return MemoryCounts()
    in_redis: SharedCounts = request.getfixturevalue("shared_in_redis")
    return in_redis


@pytest.fixture
def key() -> str:
    return f"tries:3600:{uuid4().hex}"


def share(teller: str, key: str, number: int, current: int | None, before: int | None = None) -> Share:
    return Share(teller, key, number, HOUR_MS, current, before)


async def test_each_hears_the_sum_of_the_others_and_not_its_own(counts: SharedCounts, key: str) -> None:
    await counts.exchange([share("a", key, 5, 3)])
    await counts.exchange([share("b", key, 5, 4)])

    assert await counts.exchange([share("c", key, 5, 5)]) == [(7, 0)]
    assert await counts.exchange([share("a", key, 5, 3)]) == [(9, 0)]


async def test_telling_again_replaces_what_was_told(counts: SharedCounts, key: str) -> None:
    for count in (3, 3, 5, 4, 0):
        await counts.exchange([share("a", key, 5, count)])
        assert await counts.exchange([share("b", key, 5, None)]) == [(count, 0)]


async def test_a_window_is_heard_of_in_the_next_one_and_then_no_more(counts: SharedCounts, key: str) -> None:
    await counts.exchange([share("a", key, 5, 3)])

    assert await counts.exchange([share("b", key, 6, 1)]) == [(0, 3)]
    assert await counts.exchange([share("b", key, 7, None)]) == [(0, 0)]


async def test_what_was_late_for_the_window_before_is_told_for_it(counts: SharedCounts, key: str) -> None:
    await counts.exchange([share("a", key, 6, None, 2)])

    assert await counts.exchange([share("b", key, 6, None)]) == [(0, 2)]


async def test_keys_are_answered_in_their_order(counts: SharedCounts, key: str) -> None:
    await counts.exchange([share("a", f"{key}-{number}", 5, number) for number in range(200)])

    answer = await counts.exchange([share("b", f"{key}-{number}", 5, None) for number in reversed(range(200))])

    assert answer == [(number, 0) for number in reversed(range(200))]


async def test_nothing_is_asked_and_nothing_answered(counts: SharedCounts) -> None:
    assert await counts.exchange([]) == []


async def test_nobody_can_be_read_in_redis_and_everything_there_ends(redis: Redis, redis_url: str) -> None:
    async with open_redis_counts(RedisConfig(redis_url)) as counts:
        limits = RateLimits(counts, SECRET, ManualClock(SystemClock().now()))
        limits.take(Charge(LIMIT, "ada@example.com"))
        limits.take(Charge(LIMIT, "192.0.2.7"))
        await limits.settle()

    names = [str(name) for name in await redis.keys("*")]
    left_ms = [await redis.pttl(name) for name in await redis.keys("*")]
    assert len(names) == 2
    assert all("limit:tries:3600:" in name for name in names)
    assert not any("ada" in name or "192.0.2.7" in name for name in names)
    assert all(0 < left <= 2 * HOUR_MS for left in left_ms)


async def test_another_secret_is_another_name_in_redis(redis: Redis, redis_url: str) -> None:
    """Whoever reads Redis cannot try addresses until the names are equal."""
    async with open_redis_counts(RedisConfig(redis_url)) as counts:
        for secret in (SECRET, Secret("another secret of thirty-two bytes")):
            limits = RateLimits(counts, secret, ManualClock(SystemClock().now()))
            limits.take(Charge(LIMIT, "ada@example.com"))
            await limits.settle()

    assert len(await redis.keys("*")) == 2


async def test_a_value_that_is_no_count_is_no_answer(redis: Redis, redis_url: str, key: str) -> None:
    await redis.set(f"limit:{key}:5", "something else")

    async with open_redis_counts(RedisConfig(redis_url)) as counts:
        with pytest.raises(CountsUnavailable):
            await counts.exchange([share("a", key, 5, 1)])


class OwnRedis:
    """A Redis of the test's own, to be killed."""

    def __init__(self, supervisor: Supervisor, url: str) -> None:
        self._supervisor = supervisor
        self.url = url

    async def kill(self) -> None:
        """Kill it for good; it forgets everything."""
        server = self._supervisor["redis"]
        server.signal(signal.SIGKILL)
        await server.stop()

    async def start(self) -> None:
        self._supervisor["redis"].start()
        await self._supervisor["redis"].wait_ready()


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[OwnRedis]:
    state = StateDirectory(tmp_path)
    state.begin()
    port = free_ports(["redis"])["redis"]
    async with Supervisor(state, print) as supervisor:
        await supervisor.start(redis_process(os.environ, state, port))
        yield OwnRedis(supervisor, url_of(port))


async def until_refused(limits: RateLimits, charge: Charge) -> None:
    """Ask again and again until the answer is no; each try that passes is given back."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            try:
                limits.take(charge).give_back(charge.limit)
            except RateLimited:
                return
            await asyncio.sleep(0.02)


async def test_two_replicas_converge_without_redis_alone_and_with_redis_again(
    own_redis: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    clock = ManualClock(SystemClock().now())
    config = RedisConfig(own_redis.url)
    ada, bob = Charge(LIMIT, "ada@example.com"), Charge(LIMIT, "bob@example.com")
    async with open_redis_counts(config) as one, open_redis_counts(config) as other:
        first, second = RateLimits(one, SECRET, clock), RateLimits(other, SECRET, clock)
        async with (
            running(asyncio.create_task(first.keep_settled())),
            running(asyncio.create_task(second.keep_settled())),
        ):
            for _ in range(10):
                first.take(ada)
            await until_refused(second, ada)

            await own_redis.kill()
            for _ in range(10):
                first.take(bob)
            with pytest.raises(RateLimited):
                first.take(bob)
            second.take(bob)
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while "alone" not in caplog.text:
                    await asyncio.sleep(0.02)

            await own_redis.start()
            await until_refused(second, bob)
            await until_refused(second, ada)  # of whom the first one is not asked any more
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while "together again" not in caplog.text:
                    await asyncio.sleep(0.02)


async def test_a_redis_that_hangs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_counts, "EXCHANGE_SECONDS_MAX", 0.2)
    connected = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_redis_counts(RedisConfig(url_of(port))) as counts:
        limits = RateLimits(counts, SECRET, ManualClock())
        limits.take(Charge(LIMIT, "ada@example.com"))
        settling = asyncio.create_task(limits.settle())
        await connected.wait()

        answered = 0
        while not settling.done():
            try:
                limits.take(Charge(LIMIT, f"{answered}@example.com"))
            finally:
                answered += 1
            await asyncio.sleep(0)

        with pytest.raises(CountsUnavailable):
            await settling
        assert answered > 1

"""Everybody hears of sessions that were ended: over both kinds of announcements, and whatever they lose."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from chassis.background import running
from chassis.redis import RedisConfig, open_redis
from chassis.revocations import LOOK_BACK_SECONDS, RECENT_KEY, REMEMBERED, Revocation, Revocations
from chassis.testing import ManualClock
from services.auth.announcements import (
    Announcements,
    AnnouncementsDown,
    Announcer,
    MemoryAnnouncements,
    RedisAnnouncements,
)
from services.auth.memory_store import MemoryStore
from services.auth.session import Session, begin_session
from services.auth.user import new_customer

PATIENCE_SECONDS = 10.0


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(RedisConfig(redis_url)) as redis:
        yield redis
        await redis.flushdb()


@pytest.fixture(params=["memory", "redis"])
def announcements(request: pytest.FixtureRequest) -> Announcements:
    if request.param == "memory":
        return MemoryAnnouncements()
    redis: Any = request.getfixturevalue("redis")
    return RedisAnnouncements(redis)


class Scene:
    """A store in which sessions end, and the announcer that looks there."""

    def __init__(self, announcements: Announcements, clock: ManualClock) -> None:
        self.clock = clock
        self.store = MemoryStore()
        self.announcements = announcements
        self.revocations = Revocations(clock)
        self.announcer = Announcer(self.store, announcements, self.revocations, clock)

    async def ended_session(self) -> Session:
        ada = new_customer("ada@example.com", "Ada", "$argon2id$ada", self.clock.now())
        session = begin_session(ada, self.clock.now())
        await self.store.add_session(session)
        await self.store.revoke_session(session.session_id, self.clock.now())
        return session

    async def count(self) -> int:
        return await self.announcements.count(self.clock.now() - REMEMBERED)


@pytest.fixture
def scene(announcements: Announcements, clock: ManualClock) -> Scene:
    return Scene(announcements, clock)


async def test_what_ended_is_announced_and_refused_here(scene: Scene) -> None:
    session = await scene.ended_session()

    await scene.announcer.once()

    assert await scene.count() == 1
    assert session.session_id in scene.revocations


async def test_what_is_announced_is_forgotten_when_every_token_has_expired(scene: Scene) -> None:
    await scene.ended_session()
    await scene.announcer.once()
    scene.clock.advance(REMEMBERED.total_seconds() + 1)
    await scene.ended_session()

    await scene.announcer.once()

    assert await scene.announcements.count(scene.clock.now() - 10 * REMEMBERED) == 1


async def test_an_announcer_that_begins_tells_what_it_finds(scene: Scene) -> None:
    """The one before may have died before it told."""
    await scene.ended_session()
    scene.clock.advance(REMEMBERED.total_seconds() / 2)

    await Announcer(scene.store, scene.announcements, scene.revocations, scene.clock).once()

    assert await scene.count() == 1


async def test_what_another_replica_ended_a_little_earlier_is_told_too(scene: Scene) -> None:
    await scene.ended_session()
    await scene.announcer.once()
    scene.clock.advance(-LOOK_BACK_SECONDS / 2)
    await scene.ended_session()
    scene.clock.advance(LOOK_BACK_SECONDS)

    await scene.announcer.once()

    assert await scene.count() == 2


async def test_an_announcement_is_made_once(clock: ManualClock) -> None:
    announcements = MemoryAnnouncements()
    scene = Scene(announcements, clock)
    await scene.ended_session()

    for _ in range(3):
        await scene.announcer.once()

    assert len(announcements.told) == 1


async def test_what_redis_forgot_is_told_again(redis: Redis, clock: ManualClock) -> None:
    scene = Scene(RedisAnnouncements(redis), clock)
    await scene.ended_session()
    await scene.announcer.once()
    await redis.delete(RECENT_KEY)

    await scene.announcer.once()

    assert await scene.count() == 1


async def test_while_nobody_can_be_told_it_is_refused_here_and_told_later(clock: ManualClock) -> None:
    announcements = MemoryAnnouncements()
    scene = Scene(announcements, clock)
    announcements.is_down = True
    session = await scene.ended_session()

    with pytest.raises(AnnouncementsDown):
        await scene.announcer.once()

    assert session.session_id in scene.revocations
    announcements.is_down = False
    await scene.announcer.once()
    assert announcements.told == [Revocation(session.session_id, clock.now())]


async def test_the_loop_outlives_an_outage_and_tells_everything_again(clock: ManualClock) -> None:
    announcements = MemoryAnnouncements()
    scene = Scene(announcements, clock)
    async with running(asyncio.create_task(scene.announcer.run())), asyncio.timeout(PATIENCE_SECONDS):
        first = await scene.ended_session()
        await until_told(scene, announcements, first, times=1)
        announcements.is_down = True
        second = await scene.ended_session()
        while second.session_id not in scene.revocations:
            scene.announcer.wake()
            await asyncio.sleep(0)
        announcements.is_down = False
        await until_told(scene, announcements, second, times=1)
        await until_told(scene, announcements, first, times=2)


async def until_told(scene: Scene, announcements: MemoryAnnouncements, session: Session, times: int) -> None:
    while sum(one.session_id == session.session_id for one in announcements.told) < times:
        scene.announcer.wake()
        await asyncio.sleep(0)


async def test_redis_that_is_away_is_said_to_be(clock: ManualClock) -> None:
    async with open_redis(RedisConfig("redis://127.0.0.1:1/0")) as nobody:
        announcements = RedisAnnouncements(nobody)
        with pytest.raises(AnnouncementsDown):
            await announcements.count(clock.now())
        with pytest.raises(AnnouncementsDown):
            await announcements.announce([Revocation("s-1", clock.now())], clock.now())

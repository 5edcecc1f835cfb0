"""Announcing sessions that were ended, so that every process refuses their access tokens."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.background import Backoff
from chassis.clock import Clock
from chassis.crash_points import Port
from chassis.mongo import MONGO_DOWN
from chassis.revocations import CHANNEL, LOOK_BACK_SECONDS, RECENT_KEY, REMEMBERED, Revocation, Revocations, encoded
from services.auth.store import AuthStore

LOOK_SECONDS = 0.5
"""Sessions are ended by other replicas and by the operator's commands too; and Redis may have been away."""

BACKOFF_SECONDS_MAX = 0.5

_log = logging.getLogger(__name__)


class AnnouncementsDown(Exception):
    """Nobody can be told now."""


class Announcements(Protocol):
    """Where every process hears of sessions that were ended."""

    async def announce(self, revocations: Sequence[Revocation], since: datetime) -> None:
        """Keep them and tell everybody; forget those from before ``since``.

        :raises AnnouncementsDown: when they may not be kept.
        """
        ...

    async def count(self, since: datetime) -> int:
        """How many are kept that were ended at ``since`` or later.

        :raises AnnouncementsDown: when nobody knows.
        """
        ...


ANNOUNCEMENTS_PORT = Port(
    "auth.announcements",
    Announcements,
    effects=("announce",),
    reads=("count",),
)


class MemoryAnnouncements:
    """See :class:`Announcements`. For tests: ``told`` is what everybody heard, ``is_down`` keeps them from it."""

    def __init__(self) -> None:
        self.kept: dict[str, Revocation] = {}
        self.told: list[Revocation] = []
        self.is_down = False

    async def announce(self, revocations: Sequence[Revocation], since: datetime) -> None:
        """See the port."""
        self._require_up()
        kept = self.kept | {one.session_id: one for one in revocations}
        self.kept = {key: one for key, one in kept.items() if one.time > since}
        self.told += revocations

    async def count(self, since: datetime) -> int:
        """See the port."""
        self._require_up()
        return sum(one.time >= since for one in self.kept.values())

    def _require_up(self) -> None:
        if self.is_down:
            raise AnnouncementsDown("it is told to be down")


class RedisAnnouncements:
    """See :class:`Announcements`; :mod:`chassis.revocations` says what is in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def announce(self, revocations: Sequence[Revocation], since: datetime) -> None:
        """See the port. Kept before they are told: who subscribes now reads what is kept."""
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.zadd(RECENT_KEY, {one.session_id: one.time.timestamp() for one in revocations})
                pipeline.zremrangebyscore(RECENT_KEY, "-inf", since.timestamp())
                pipeline.expire(RECENT_KEY, REMEMBERED)
                pipeline.publish(CHANNEL, encoded(revocations))
                await pipeline.execute()
        except (RedisError, OSError) as error:
            raise AnnouncementsDown(type(error).__name__) from error

    async def count(self, since: datetime) -> int:
        """See the port."""
        try:
            return await self._redis.zcount(RECENT_KEY, since.timestamp(), "+inf")
        except (RedisError, OSError) as error:
            raise AnnouncementsDown(type(error).__name__) from error


class Announcer:
    """Announces what the store says was ended, by whomever; all of it again when it may have been lost.

    What it announces this process itself refuses from then on, also while nobody else can be told.
    """

    def __init__(self, store: AuthStore, announcements: Announcements, revocations: Revocations, clock: Clock) -> None:
        self._store = store
        self._announcements = announcements
        self._revocations = revocations
        self._clock = clock
        self._known: dict[str, Revocation] = {}
        self._announced: set[str] = set()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that a session was ended."""
        self._wake.set()

    async def run(self) -> None:
        """Announce for ever; to be run as a loop."""
        backoff = Backoff(BACKOFF_SECONDS_MAX)
        is_down = False
        while True:
            self._wake.clear()
            try:
                await self.once()
            except AnnouncementsDown as error:
                self._announced.clear()
                if not is_down:
                    _log.warning("nobody hears of sessions that are ended: %s", error)
                is_down = True
            except MONGO_DOWN as error:
                _log.warning("it is not known which sessions were ended: %s", type(error).__name__)
            else:
                is_down = False
                backoff.reset()
                await self._wait()
                continue
            await backoff.wait()

    async def once(self) -> None:
        """Announce what nobody was told yet.

        :raises AnnouncementsDown: when nobody can be told.
        :raises pymongo.errors.PyMongoError: when it is not known what to tell.
        """
        since = self._clock.now() - REMEMBERED
        newest = max((one.time for one in self._known.values()), default=since)
        found = await self._store.revoked_since(max(since, newest - timedelta(seconds=LOOK_BACK_SECONDS)))
        self._revocations.add(found)
        self._known |= {one.session_id: one for one in found}
        self._known = {key: one for key, one in self._known.items() if one.time > since}
        self._announced &= self._known.keys()
        lasting = [one for one in self._known.values() if one.time > since + timedelta(seconds=LOOK_BACK_SECONDS)]
        if await self._announcements.count(since) < sum(one.session_id in self._announced for one in lasting):
            self._announced.clear()
        if new := [one for one in self._known.values() if one.session_id not in self._announced]:
            await self._announcements.announce(new, since)
            self._announced.update(one.session_id for one in new)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

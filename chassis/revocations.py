"""Sessions that were ended: their access tokens are refused everywhere, although their time is not over.

Auth announces them in Redis: it keeps the last ones in a sorted set and publishes each on a channel. Every
process follows both, so that a token is refused within two seconds of the announcement. While Redis is away
nobody hears of new ones; a token then lives until it expires, ten minutes at most.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple, cast

from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from chassis.background import Backoff
from chassis.clock import Clock

RECENT_KEY = "auth:revoked"
"""A sorted set: session ids by the second of their revocation."""

CHANNEL = "auth:revocations"
"""Messages are JSON: a list of [session id, second of its revocation]."""

REMEMBERED = timedelta(seconds=660)
"""An access token lives 600 s, and one may be signed a moment after its session was ended."""

LOOK_SECONDS = 1.0
"""The sorted set is read again so often: messages on a channel can get lost, and connections die unnoticed."""

LOOK_BACK_SECONDS = 60.0
"""How far behind the newest revocation the next look begins: auth's replicas write side by side."""

FORGET_SECONDS = 30.0
BACKOFF_SECONDS_MAX = 0.4

_FOLLOWED = Gauge("ordermesh_revocations_followed", "1 while this process hears of sessions that are ended.")

_log = logging.getLogger(__name__)


class Revocation(NamedTuple):
    """A session, and when it was ended."""

    session_id: str
    time: datetime


class Revocations:
    """The sessions that were ended lately. ``in`` asks for one by its id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: dict[str, datetime] = {}
        self._forgotten_at = monotonic()

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._times

    def __len__(self) -> int:
        return len(self._times)

    @property
    def newest(self) -> datetime | None:
        """When the last one was ended."""
        return max(self._times.values(), default=None)

    def add(self, revocations: Iterable[Revocation]) -> None:
        """Remember them until every token of theirs has expired."""
        self._times.update(revocations)
        if monotonic() - self._forgotten_at > FORGET_SECONDS:
            self._forgotten_at, since = monotonic(), self._clock.now() - REMEMBERED
            self._times = {session_id: time for session_id, time in self._times.items() if time > since}


class RevocationFeed:
    """Keeps :class:`Revocations` as Redis has them."""

    def __init__(self, redis: Redis, revocations: Revocations) -> None:
        self._redis = redis
        self._revocations = revocations

    async def run(self) -> None:
        """Follow for ever; to be run as a loop."""
        backoff = Backoff(BACKOFF_SECONDS_MAX)
        is_away = False
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await self._subscribe(pubsub)
                    if is_away:
                        _log.info("revocations are heard of again")
                    is_away = False
                    _FOLLOWED.set(1)
                    backoff.reset()
                    await self._follow(pubsub)
            except (RedisError, OSError) as error:
                if not is_away:
                    _log.warning("new revocations are not heard of: %s", type(error).__name__)
                is_away = True
                _FOLLOWED.set(0)
            await backoff.wait()

    async def _subscribe(self, pubsub: PubSub) -> None:
        """Subscribe first, then read: what is announced in between comes over the channel."""
        await pubsub.subscribe(CHANNEL)
        while (message := await _next_message(pubsub, LOOK_SECONDS)) and message["type"] != "subscribe":
            pass
        if message is None:
            raise RedisError("the subscription is not confirmed")
        await self._look(None)

    async def _follow(self, pubsub: PubSub) -> None:
        while True:
            look_at = monotonic() + LOOK_SECONDS
            while (left := look_at - monotonic()) > 0:
                message = await _next_message(pubsub, left)
                if message is not None and message["type"] == "message":
                    self._revocations.add(decoded(message["data"]))
            await self._look(self._revocations.newest)

    async def _look(self, newest: datetime | None) -> None:
        """Read what is kept; all of it, or what may have come since the newest that is known."""
        least = newest.timestamp() - LOOK_BACK_SECONDS if newest else "-inf"
        pairs = await self._redis.zrangebyscore(RECENT_KEY, least, "+inf", withscores=True)
        self._revocations.add(
            Revocation(cast(bytes, member).decode(), _time(score)) for member, score in cast(Sequence[Any], pairs)
        )


def encoded(revocations: Iterable[Revocation]) -> str:
    """The message that announces them."""
    return json.dumps([[session_id, time.timestamp()] for session_id, time in revocations])


def decoded(message: bytes) -> list[Revocation]:
    """What a message announces; nothing when it is none of ours."""
    try:
        return [Revocation(str(session_id), _time(second)) for session_id, second in json.loads(message)]
    except (ValueError, TypeError, OverflowError) as error:
        _log.warning("a message on %s is not readable: %s", CHANNEL, type(error).__name__)
        return []


async def _next_message(pubsub: PubSub, timeout_seconds: float) -> dict[str, Any] | None:
    async with asyncio.timeout(timeout_seconds + LOOK_SECONDS):
        return cast(dict[str, Any] | None, await pubsub.get_message(timeout=timeout_seconds))


def _time(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)

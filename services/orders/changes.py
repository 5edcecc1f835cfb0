"""Telling the other replicas that an order changed.

A change is a hint that names an order: whoever hears it reads the order. It may be lost or told twice.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Protocol, cast

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from chassis.crash_points import Port

CHANNEL = "orders:changes"
"""One channel for all orders; a message is order ids, separated by spaces."""

LISTEN_SECONDS = 5.0
"""Redis is asked whether it is still there when it has said nothing for so long."""


class ChangesDown(Exception):
    """Nobody can be told, or nothing is heard, now."""


class Changes(Protocol):
    """Where the replicas of orders tell each other which orders changed."""

    async def publish(self, order_ids: Collection[str]) -> None:
        """Tell every replica.

        :raises ChangesDown: when they may not have heard.
        """
        ...

    async def follow(self, heard: Callable[[Collection[str]], None], subscribed: Callable[[], None]) -> None:
        """Hear what is told from now on, for ever. ``subscribed`` is called when nothing is missed any more.

        :raises ChangesDown: when nothing is heard.
        """
        ...


CHANGES_PORT = Port(
    "orders.changes",
    Changes,
    effects=("publish",),
    reads=("follow",),
)


class MemoryChanges:
    """See :class:`Changes`. For tests: replicas that share it hear each other, unless ``is_down``."""

    def __init__(self) -> None:
        self.is_down = False
        self._followers: list[tuple[Callable[[Collection[str]], None], asyncio.Event]] = []

    async def publish(self, order_ids: Collection[str]) -> None:
        """See the port."""
        if self.is_down:
            raise ChangesDown("it is told to be down")
        for heard, _ in self._followers:
            heard(order_ids)

    async def follow(self, heard: Callable[[Collection[str]], None], subscribed: Callable[[], None]) -> None:
        """See the port."""
        if self.is_down:
            raise ChangesDown("it is told to be down")
        follower = (heard, asyncio.Event())
        self._followers.append(follower)
        subscribed()
        try:
            await follower[1].wait()
        finally:
            self._followers.remove(follower)
        raise ChangesDown("it went down")

    def go_down(self) -> None:
        """Nobody hears anything any more."""
        self.is_down = True
        for _, gone in self._followers:
            gone.set()


class RedisChanges:
    """See :class:`Changes`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def publish(self, order_ids: Collection[str]) -> None:
        """See the port."""
        try:
            await self._redis.publish(CHANNEL, " ".join(order_ids))
        except (RedisError, OSError) as error:
            raise ChangesDown(type(error).__name__) from error

    async def follow(self, heard: Callable[[Collection[str]], None], subscribed: Callable[[], None]) -> None:
        """See the port."""
        try:
            async with self._redis.pubsub() as pubsub:
                await pubsub.subscribe(CHANNEL)
                while True:
                    message = await _next_message(pubsub)
                    if message is None:
                        await pubsub.ping()
                    elif message["type"] == "subscribe":
                        subscribed()
                    elif message["type"] == "message":
                        heard(cast(bytes, message["data"]).decode(errors="replace").split())
        except (RedisError, OSError) as error:
            raise ChangesDown(type(error).__name__) from error


async def _next_message(pubsub: PubSub) -> dict[str, Any] | None:
    async with asyncio.timeout(2 * LISTEN_SECONDS):
        return cast(dict[str, Any] | None, await pubsub.get_message(timeout=LISTEN_SECONDS))

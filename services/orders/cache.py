"""Orders that have ended, kept near.

Only terminal orders are cached: their status never changes again, so the cache cannot be wrong,
whatever crashes. There is no negative caching. What the cache cannot do is slower, never wrong.
"""

import asyncio
import logging
from time import monotonic
from typing import Protocol, cast

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.crash_points import Port
from chassis.mongo import Document
from services.orders.documents import order_document, order_from
from services.orders.metrics import CACHE_PAUSED, CACHE_READS
from services.orders.order import Order

CACHE_SECONDS = 600
FAILURES_MAX = 3
PAUSE_SECONDS = 2.0
"""After so many failures in a row Redis is not asked for so long."""

_log = logging.getLogger(__name__)
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True)


class OrderCache(Protocol):
    """A place for terminal orders that may forget them at any time, and never fails."""

    async def get(self, order_id: str) -> Order | None:
        """The order, if it is remembered."""
        ...

    async def put(self, order: Order) -> None:
        """Remember a terminal order for a while."""
        ...


CACHE_PORT = Port(
    "orders.cache",
    OrderCache,
    effects=("put",),
    reads=("get",),
)


class MemoryCache:
    """A cache in memory, for tests."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}

    async def get(self, order_id: str) -> Order | None:
        """See :class:`OrderCache`."""
        return self.orders.get(order_id)

    async def put(self, order: Order) -> None:
        """See :class:`OrderCache`."""
        assert order.status.is_terminal
        self.orders[order.order_id] = order


def _decoded(encoded: bytes) -> Order | None:
    """The order; None for an entry of another version's shape, or one that something else wrote."""
    try:
        return order_from(bson.decode(encoded, _CODEC))
    except (BSONError, KeyError, ValueError, TypeError) as error:
        _log.warning("a cached order is not readable: %s", type(error).__name__)
        return None


class RedisCache:
    """The cache in Redis: ``order:<id>`` holds an order's BSON.

    Who finds all connections in use waits for one; redis-py would fail, as if Redis were away. When Redis turns
    out to be away meanwhile, it is not asked.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._connections = asyncio.Semaphore(redis.connection_pool.max_connections)
        self._failures = 0
        self._paused_until = float("-inf")

    async def get(self, order_id: str) -> Order | None:
        """See :class:`OrderCache`."""
        async with self._connections:
            if monotonic() < self._paused_until:
                CACHE_READS.labels("paused").inc()
                return None
            try:
                encoded = await self._redis.get(f"order:{order_id}")
            except (RedisError, OSError) as error:
                self._note_failure(error)
                CACHE_READS.labels("failed").inc()
                return None
            self._note_answer()
        order = None if encoded is None else _decoded(cast(bytes, encoded))
        CACHE_READS.labels("miss" if order is None else "hit").inc()
        return order

    async def put(self, order: Order) -> None:
        """See :class:`OrderCache`."""
        assert order.status.is_terminal
        async with self._connections:
            if monotonic() < self._paused_until:
                return
            try:
                await self._redis.set(f"order:{order.order_id}", bson.encode(order_document(order)), ex=CACHE_SECONDS)
            except (RedisError, OSError) as error:
                self._note_failure(error)
            else:
                self._note_answer()

    def _note_answer(self) -> None:
        self._failures = 0
        CACHE_PAUSED.set(0)

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._failures = 0
            self._paused_until = monotonic() + PAUSE_SECONDS
            CACHE_PAUSED.set(1)
            _log.warning("redis is not asked for %.0f s: %s", PAUSE_SECONDS, type(error).__name__)

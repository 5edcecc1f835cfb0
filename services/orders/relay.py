"""Publishing what the orders' outboxes hold: the relay, and the queue that it sends to.

Every replica runs a relay. It wakes when this replica wrote an event and polls behind that for what
others left. Publishing is at least once: an event may be sent again after a crash or a lost answer.

The outbox can wait as well as the queue can: the relay lets only so many messages wait in the queue, and
keeps the rest where it is durable and cheap.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

from chassis.background import Backoff, finish_first
from chassis.clock import Clock
from chassis.crash_points import Port
from services.orders.metrics import EVENTS_PUBLISHED
from services.orders.order import Event
from services.orders.store import OrderStore

POLL_SECONDS = 1.0
HELD_BACK_SECONDS = 0.1
CLAIM_ORDERS_MAX = 100
BATCHES_AT_ONCE_MAX = 4
BATCH_EVENTS_MAX = 10
"""SQS takes ten messages a request."""

SEND_LEASE_SHARE = 0.5
"""What a request may take of the lease: nobody else may claim what is still being sent."""

_log = logging.getLogger(__name__)


class Queue(Protocol):
    """Where events go."""

    async def publish(self, events: Sequence[Event]) -> Collection[str]:
        """Send at most ``BATCH_EVENTS_MAX`` events; returns the ids of exactly those that the queue has.

        :raises QueueUnavailable: when the queue does not answer.
        """
        ...

    async def depth(self) -> int:
        """About how many messages wait.

        :raises QueueUnavailable: when the queue does not answer.
        """
        ...


QUEUE_PORT = Port(
    "orders.queue",
    Queue,
    effects=("publish",),
    reads=("depth",),
)


class QueueUnavailable(Exception):
    """The queue does not answer; what was sent may or may not have arrived."""


class Relay:
    """Moves events from the outboxes to the queue."""

    def __init__(self, store: OrderStore, queue: Queue, clock: Clock, lease: timedelta, depth_max: int) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._lease = lease
        self._depth_max = depth_max
        self._room = 0
        self._sending = asyncio.Semaphore(BATCHES_AT_ONCE_MAX)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to publish."""
        self._wake.set()

    async def run(self) -> None:
        """Publish for ever; to be run as a loop."""
        backoff = Backoff()
        while True:
            self._wake.clear()
            try:
                published = await self.publish_due()
            except QueueUnavailable as error:
                _log.warning("events wait in the outbox: the queue does not answer (%s)", error)
                await backoff.wait()
                continue
            backoff.reset()
            if published:
                continue
            if self._room > 0:
                await self._wait()
            else:
                await asyncio.sleep(HELD_BACK_SECONDS)

    async def publish_due(self) -> int:
        """Publish what is due and what the queue has room for, once; returns how many events were claimed."""
        if self._room <= 0:
            self._room = self._depth_max - await self._queue.depth()
        if self._room <= 0:
            return 0
        orders_max = min(CLAIM_ORDERS_MAX, self._room)
        now = self._clock.now()
        events = await self._store.claim_events(now, self._lease, orders_max)
        self._room -= len(events)
        send_until = now + (1 - SEND_LEASE_SHARE) * self._lease
        sending = asyncio.gather(*(self._publish(b, send_until) for b in _batches(events)), return_exceptions=True)
        # Whoever stops in the middle of it would leave events that the queue has and nobody knows of.
        outcomes = await finish_first(sending, SEND_LEASE_SHARE * self._lease.total_seconds())
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(events)

    async def _publish(self, batch: Sequence[Event], send_until: datetime) -> None:
        async with self._sending:
            if self._clock.now() > send_until:
                _log.warning("the queue is slow: %d events wait until they can be claimed again", len(batch))
                return
            published = await self._queue.publish(batch)
        EVENTS_PUBLISHED.inc(len(published))
        if len(published) < len(batch):
            _log.warning("the queue refused %d of %d events", len(batch) - len(published), len(batch))
        sent = sorted((event for event in batch if event.event_id in published), key=lambda event: event.order_id)
        by_order = {order_id: [e.event_id for e in events] for order_id, events in groupby(sent, lambda e: e.order_id)}
        await asyncio.gather(*(self._store.record_published(order_id, ids) for order_id, ids in by_order.items()))

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return


def _batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The events in batches that hold all of an order's: what is recorded of one has no part in flight elsewhere."""
    batch: list[Event] = []
    for _, group in groupby(events, lambda event: event.order_id):
        of_order = list(group)
        if batch and len(batch) + len(of_order) > BATCH_EVENTS_MAX:
            yield batch
            batch = []
        batch += of_order
    if batch:
        yield batch

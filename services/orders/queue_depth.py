"""Whether the queue is late: asked for now and then, beside the work of who wants to know."""

import asyncio
from datetime import datetime, timedelta

from chassis.clock import Clock
from services.orders.relay import Queue, QueueUnavailable

ASK_AGAIN = timedelta(seconds=5)
"""The queue is not asked more often than this."""

BELIEVED = timedelta(seconds=15)
"""An answer counts for so long while the next one is waited for; a queue that is cut off is given up before that."""


class QueueDepth:
    """Knows about whether more than ``late_from`` messages wait. A queue that does not answer is late."""

    def __init__(self, queue: Queue, clock: Clock, late_from: int) -> None:
        self._queue = queue
        self._clock = clock
        self._late_from = late_from
        self._is_late = True
        self._answered_at: datetime | None = None
        self._asking: asyncio.Task[None] | None = None

    async def is_late(self) -> bool:
        """What the queue said last. Only who asks for the first time in a long while waits for it."""
        if self._asking is None and not self._is_known_for(ASK_AGAIN):
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None and (self._asking.done() or not self._is_known_for(BELIEVED)):
            asking, self._asking = self._asking, None
            await asking
        return self._is_late

    def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _is_known_for(self, time: timedelta) -> bool:
        if self._answered_at is None:
            return False
        return timedelta(0) <= self._clock.now() - self._answered_at < time

    async def _ask(self) -> None:
        try:
            self._is_late = await self._queue.depth() > self._late_from
        except QueueUnavailable:
            self._is_late = True
        self._answered_at = self._clock.now()

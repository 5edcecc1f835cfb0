"""Looking after orders that should have ended, or been settled, long ago.

Whatever lost the message of an order (a queue that was deleted, a dead letter that nobody redrove),
the order itself knows that it is not settled. It is published again, less and less often, unless the
queue is late anyway; and its hold is renewed all the while, so that an accepted order does not fail
because we were slow.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import sample
from time import monotonic

from chassis.clock import Clock
from chassis.errors import DomainError, InvalidArgument
from services.orders.errors import IdempotencyKeyReused, OutOfStock
from services.orders.metrics import ORDERS_SWEPT
from services.orders.order import Order
from services.orders.queue_depth import QueueDepth
from services.orders.relay import Queue, Relay
from services.orders.stock import Stock
from services.orders.store import OrderStore, SweepTimes

ORDERS_MAX = 200
"""How many orders one round looks after."""

FOUND_ORDERS_MAX = 1_000
"""Among how many it chooses them: replicas sweep at the same time, and are rarely to meet at an order."""

LOOKS_PER_SECOND_MAX = 200
"""What a replica asks of inventory and MongoDB at most. In the 900 s of a hold it comes round to 180,000 orders."""

RENEWALS_AT_ONCE_MAX = 16
ROUND_SECONDS_MAX = 5.0
ROUND_SHARE = 0.2
"""How long to wait when nothing is overdue any more, as a share of the shortest interval between two looks."""

VERDICTS = (OutOfStock, IdempotencyKeyReused, InvalidArgument)
"""What inventory also says to who asks again soon."""

_log = logging.getLogger(__name__)


class Sweep:
    """Looks after overdue orders. A queue in which more than ``depth`` messages wait is late, not lossy."""

    def __init__(self, store: OrderStore, stock: Stock, queue: Queue, relay: Relay, clock: Clock, depth: int) -> None:
        self._store = store
        self._stock = stock
        self._relay = relay
        self._clock = clock
        self._depth = QueueDepth(queue, clock, depth)

    async def run(self, times: SweepTimes, rest: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Sweep again and again; to be run as a loop. ``rest`` lets seconds pass."""
        pause_seconds = min(ROUND_SHARE * times.shortest_interval.total_seconds(), ROUND_SECONDS_MAX)
        try:
            while True:
                begun = monotonic()
                if await self.once() > ORDERS_MAX:
                    await rest(max(0.0, ORDERS_MAX / LOOKS_PER_SECOND_MAX - (monotonic() - begun)))
                else:
                    await rest(pause_seconds)
        finally:
            self._depth.close()

    async def once(self) -> int:
        """One round; returns how many orders it found, of which it looked after ``ORDERS_MAX``."""
        found = await self._store.overdue(self._clock.now(), FOUND_ORDERS_MAX)
        if not found:
            return 0
        publish = not await self._depth.is_late()
        at_once = asyncio.Semaphore(RENEWALS_AT_ONCE_MAX)

        async def look_after(order: Order) -> bool:
            async with at_once:
                return await self._look_after(order, publish=publish)

        chosen = sample(found, min(len(found), ORDERS_MAX))
        swept = sum(await asyncio.gather(*(look_after(order) for order in chosen)))
        if swept:
            ORDERS_SWEPT.inc(swept)
            _log.warning("%d orders are overdue%s", swept, "" if publish else "; the queue is late or away")
            self._relay.wake()
        return len(found)

    async def _look_after(self, order: Order, *, publish: bool) -> bool:
        """False when somebody else does. What was claimed and is not put off is soon looked at again, by anyone."""
        now = self._clock.now()
        if not await self._store.claim_overdue(order, now, publish=publish):
            return False
        if order.status.is_terminal or await self._renew_hold(order):
            await self._store.put_off(order.order_id, now)
        return True

    async def _renew_hold(self, order: Order) -> bool:
        """Whether that is all that can be done for it now: False when it may be done soon."""
        try:
            await self._stock.reserve(order.order_id, order.fingerprint, order.lines)
        except DomainError as error:
            _log.warning("the hold of order %s is not renewed: %s", order.order_id, error.reason)
            return isinstance(error, VERDICTS)
        except Exception:  # one order's trouble, and the others of the round are looked after
            _log.exception("the hold of order %s is not renewed", order.order_id)
            return False
        return True

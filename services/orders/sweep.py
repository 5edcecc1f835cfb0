"""Looking after orders that should have ended, or been settled, long ago.

Whatever lost the message of an order (a queue that was deleted, a dead letter that nobody redrove),
the order itself knows that it is not settled. It is published again, less and less often, unless the
queue is late anyway; and its hold is renewed all the while, so that an accepted order does not fail
because we were slow.
"""

import asyncio
import logging
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.errors import DomainError
from services.orders.metrics import ORDERS_SWEPT
from services.orders.order import Order
from services.orders.relay import Queue, QueueUnavailable, Relay
from services.orders.stock import Stock
from services.orders.store import OrderStore, SweepTimes

ORDERS_MAX = 200
"""How many orders one round looks at. A round that found fewer waits before the next."""

RENEWALS_AT_ONCE_MAX = 16
ROUND_SECONDS_MAX = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sweep:
    """Looks after overdue orders. A queue in which more than ``depth`` messages wait is late, not lossy."""

    store: OrderStore
    stock: Stock
    queue: Queue
    relay: Relay
    clock: Clock
    depth: int

    async def run(self, times: SweepTimes) -> None:
        """Sweep again and again; to be run as a loop."""
        while True:
            if await self.once() < ORDERS_MAX:
                await asyncio.sleep(min(times.withheld_look.total_seconds() / 5, ROUND_SECONDS_MAX))

    async def once(self) -> int:
        """One round; returns how many orders it looked after."""
        overdue = await self.store.overdue(self.clock.now(), ORDERS_MAX)
        if not overdue:
            return 0
        publish = not await self._is_deep()
        at_once = asyncio.Semaphore(RENEWALS_AT_ONCE_MAX)

        async def look_after(order: Order) -> bool:
            async with at_once:
                claimed = await self.store.claim_overdue(order, self.clock.now(), publish=publish)
                if claimed and not order.status.is_terminal:
                    await self._renew_hold(order)
                return claimed

        swept = sum(await asyncio.gather(*(look_after(order) for order in overdue)))
        if swept:
            ORDERS_SWEPT.inc(swept)
            _log.warning("%d orders are overdue%s", swept, "" if publish else "; the queue is late or away")
            self.relay.wake()
        return swept

    async def _renew_hold(self, order: Order) -> None:
        try:
            await self.stock.reserve(order.order_id, order.fingerprint, order.lines)
        except DomainError as error:
            _log.warning("the hold of order %s is not renewed: %s", order.order_id, error.reason)
        except Exception:  # one order's trouble, and the others of the round are looked after
            _log.exception("the hold of order %s is not renewed", order.order_id)

    async def _is_deep(self) -> bool:
        try:
            return await self.queue.depth() > self.depth
        except QueueUnavailable:
            return True

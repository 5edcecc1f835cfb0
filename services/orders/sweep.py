"""Looking after orders that should have ended, or been settled, long ago.

Whatever lost the message of an order (a queue that was deleted, a dead letter that nobody redrove),
the order itself knows that it is not settled. It is published again, less and less often, and its hold
is renewed, so that an accepted order does not fail because we were slow.
"""

import asyncio
import logging
from datetime import timedelta

from chassis.clock import Clock
from chassis.errors import DomainError
from services.orders.order import Order
from services.orders.relay import Queue, QueueUnavailable, Relay
from services.orders.stock import Stock
from services.orders.store import OrderStore

SWEEP_ORDERS_MAX = 100
"""How many orders one round looks at: with one round each ``age / 10`` this caps the rate."""

ROUND_SECONDS_MAX = 5.0

_log = logging.getLogger(__name__)


async def sweep_orders(
    store: OrderStore, stock: Stock, queue: Queue, relay: Relay, clock: Clock, age: timedelta, depth_max: int
) -> None:
    """Sweep again and again; to be run as a loop."""
    while True:
        await sweep_once(store, stock, queue, relay, clock, depth_max)
        await asyncio.sleep(min(age.total_seconds() / 10, ROUND_SECONDS_MAX))


async def sweep_once(store: OrderStore, stock: Stock, queue: Queue, relay: Relay, clock: Clock, depth_max: int) -> int:
    """One round; returns how many orders were published again.

    A queue in which more than half of ``depth_max`` waits is late, not lossy: more would not help.
    """
    overdue = await store.overdue(clock.now(), SWEEP_ORDERS_MAX)
    if not overdue or await _is_deep(queue, depth_max // 2):
        return 0
    swept = 0
    for order in overdue:
        if await store.claim_overdue(order, clock.now()):
            swept += 1
            await _renew_hold(stock, order)
    if swept:
        _log.warning("%d orders are overdue and published again", swept)
        relay.wake()
    return swept


async def _renew_hold(stock: Stock, order: Order) -> None:
    if order.status.is_terminal:
        return
    try:
        await stock.reserve(order.order_id, order.fingerprint, order.lines)
    except DomainError as error:
        _log.warning("the hold of order %s is not renewed: %s", order.order_id, error.reason)


async def _is_deep(queue: Queue, depth: int) -> bool:
    try:
        return await queue.depth() > depth
    except QueueUnavailable:
        return True

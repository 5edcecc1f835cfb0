"""Cancelling an order that nobody has begun to process."""

import logging
from collections.abc import Callable

from chassis.background import finish
from chassis.call import Identity
from chassis.clock import Clock
from chassis.errors import DomainError
from services.orders.counted import apply_counted
from services.orders.errors import OrderNotCancellable
from services.orders.get_order import owned
from services.orders.order import Order, Status, cancel
from services.orders.process_order import settle_stock
from services.orders.stock import Stock
from services.orders.store import OrderStore

_log = logging.getLogger(__name__)


async def cancel_order(
    store: OrderStore,
    stock: Stock,
    clock: Clock,
    wake_relay: Callable[[], None],
    show_moved: Callable[[Order], None],
    customer: Identity,
    order_id: str,
    traceparent: str,
) -> Order:
    """Cancel a PENDING order; a CANCELLED one is returned as it is.

    Cancelling and processing begin at the same status, so exactly one of them makes its move.
    """
    order = owned(await store.get(order_id), customer)
    if order.status is Status.PENDING:
        moved = await finish(apply_counted(store, cancel(order, clock.now(), traceparent)))
        if moved:
            show_moved(moved)
        order = moved or owned(await store.get(order_id), customer)
        wake_relay()
    if order.status is not Status.CANCELLED:
        raise OrderNotCancellable(order.status)
    try:
        await settle_stock(store, stock, order)
    except DomainError as error:
        _log.warning("order %s is cancelled, its stock is released later: %s", order_id, error.reason)
    except Exception:  # it is cancelled all the same, and what it owes is in its document
        _log.exception("order %s is cancelled, its stock is released later", order_id)
    return order

"""Bringing an order to its end, and paying what it owes then.

Inventory's verdict on the stock is final and the only one. Two workers that process the same order get
the same verdict, and each move is made once, so they come to the same end.
"""

from collections.abc import Callable

from chassis.background import finish
from chassis.clock import Clock
from services.orders.cache import OrderCache
from services.orders.counted import apply_counted
from services.orders.errors import OrderNotFound, OrderNotTerminal
from services.orders.order import Failure, Move, Order, Status, StockDebt, begin, complete, fail
from services.orders.stock import Stock
from services.orders.store import OrderStore

STEPS_MAX = 8
"""More than any order can need: two moves, each lost to somebody else's at most a few times."""

STOCK_GONE = Failure("OUT_OF_STOCK", "The stock was no longer available when the order was processed.")


async def process_order(
    store: OrderStore,
    stock: Stock,
    cache: OrderCache,
    clock: Clock,
    show_moved: Callable[[Order], None],
    order_id: str,
) -> Order:
    """Go on where the order is until it has ended, then settle its stock.

    The payment step will stand between PROCESSING and the commit. Today no money is taken.
    """
    order = await _get(store, order_id)
    for _ in range(STEPS_MAX):
        if order.status.is_terminal:
            break
        moved = await finish(apply_counted(store, await _next_move(stock, clock, order)))
        if moved:
            show_moved(moved)
        order = moved or await _get(store, order_id)
    if not order.status.is_terminal:
        raise RuntimeError(f"order {order_id} did not end within {STEPS_MAX} moves")
    await settle_stock(store, stock, order)
    await cache.put(order)
    return order


async def settle_stock(store: OrderStore, stock: Stock, order: Order) -> None:
    """Release the stock that an order owes to inventory, and write down that it was."""
    if order.stock is StockDebt.TO_RELEASE:
        await stock.release(order.order_id, order.fingerprint)
        await finish(store.record_released(order.order_id))


async def confirm_notification(store: OrderStore, order_id: str) -> None:
    """Write down that the customer was told how the order ended."""
    if await finish(store.record_notified(order_id)) is None:
        raise OrderNotTerminal((await _get(store, order_id)).status)


async def _next_move(stock: Stock, clock: Clock, order: Order) -> Move:
    if order.status is Status.PENDING:
        return begin(order, clock.now())
    if await stock.commit(order.order_id, order.fingerprint):
        return complete(order, clock.now())
    return fail(order, STOCK_GONE, clock.now())


async def _get(store: OrderStore, order_id: str) -> Order:
    order = await store.get(order_id)
    if order is None:
        raise OrderNotFound
    return order

"""Writes that are counted with what they change, also when nobody waits for them any more."""

from services.orders.metrics import MOVES
from services.orders.order import Move, Order
from services.orders.store import OrderStore


async def insert_counted(store: OrderStore, order: Order) -> bool:
    """Add an order; False when its id is there already."""
    (inserted,) = await store.insert([order])
    if inserted:
        MOVES.labels(order.status).inc()
    return inserted


async def apply_counted(store: OrderStore, move: Move) -> Order | None:
    """Make a move; None when the order is no longer where it began."""
    moved = await store.apply(move)
    if moved is not None:
        MOVES.labels(moved.status).inc()
    return moved

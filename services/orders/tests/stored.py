"""Orders in a store, and moves of them."""

from datetime import datetime

from services.orders.order import Money, Move, Order, OrderItem, begin, complete, place
from services.orders.store import OrderStore


def placed(order_id: str, now: datetime, user_id: str = "ada") -> Order:
    return place(
        order_id=order_id,
        user_id=user_id,
        request_id=f"k-{order_id}",
        fingerprint="f",
        email="ada@example.com",
        items=(OrderItem("LAMP", "Lamp", 2, Money("EUR", 2_500)),),
        now=now,
        traceparent="00-trace",
    )


async def applied(store: OrderStore, *moves: Move) -> Order:
    order = None
    for move in moves:
        order = await store.apply(move)
    assert order is not None
    return order


async def processed(store: OrderStore, order: Order, now: datetime) -> Order:
    processing = await applied(store, begin(order, now))
    return await applied(store, complete(processing, now))

"""Saying in the metrics what waits in the outbox."""

import asyncio

from chassis.clock import Clock
from services.orders.metrics import OUTBOX_AGE, OUTBOX_ORDERS
from services.orders.store import OrderStore

LOOK_SECONDS = 5.0


async def watch_outbox(store: OrderStore, clock: Clock) -> None:
    """Look again and again; to be run as a loop."""
    while True:
        await look(store, clock)
        await asyncio.sleep(LOOK_SECONDS)


async def look(store: OrderStore, clock: Clock) -> None:
    """Look once."""
    outbox = await store.outbox()
    age = clock.now() - outbox.oldest_time if outbox.oldest_time else None
    OUTBOX_ORDERS.set(outbox.orders)
    OUTBOX_AGE.set(max(0.0, age.total_seconds()) if age else 0)

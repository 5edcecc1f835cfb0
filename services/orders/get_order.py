"""Reading orders. A foreign order looks exactly like a missing one."""

import re

from chassis.call import Identity
from chassis.pages import Page
from services.orders.cache import OrderCache
from services.orders.errors import ForeignUser, OrderNotFound
from services.orders.order import ORDER_ID_PATTERN, Order
from services.orders.store import OrderStore

_ORDER_ID = re.compile(ORDER_ID_PATTERN)


async def get_order(store: OrderStore, cache: OrderCache, reader: Identity, order_id: str) -> Order:
    """One order that the reader may see, from the cache if it has ended."""
    if not _ORDER_ID.fullmatch(order_id):
        raise OrderNotFound
    order = await cache.get(order_id)
    if order is None:
        order = await store.get(order_id)
        if order is not None and order.status.is_terminal:
            await cache.put(order)
    return owned(order, reader)


async def list_orders(store: OrderStore, reader: Identity, user_id: str, page: Page) -> list[Order]:
    """The orders of ``user_id`` (empty: the reader's own), the newest first; one more than the page has."""
    if user_id not in {"", reader.subject} and not reader.is_admin:
        raise ForeignUser
    return await store.list_by_user(user_id or reader.subject, page)


def owned(order: Order | None, reader: Identity) -> Order:
    """The order, if it is there and the reader may see it."""
    if order is None or (order.user_id != reader.subject and not reader.is_admin):
        raise OrderNotFound
    return order

"""Placing an order: hold the stock, then store the order with the event that announces it.

The order's id follows from the customer and the idempotency key, so a retry after a crash at any point
finds the hold and the order that are there. Stock is never released here: whether an insert that
failed happened is not known, and the retry may still come. A hold that nobody follows up expires.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chassis.background import finish
from chassis.call import Identity
from chassis.clock import Clock
from chassis.errors import DomainError
from chassis.idempotency import resolve_key
from chassis.violations import Violations
from services.orders.counted import insert_counted
from services.orders.errors import IdempotencyKeyReused, OutOfStock
from services.orders.metrics import REFUSALS, REPLAYS
from services.orders.order import (
    LINES_MAX,
    QUANTITY_MAX,
    SKU_PATTERN,
    Line,
    Order,
    fingerprint_of,
    order_id_of,
    place,
)
from services.orders.stock import Hold, Stock
from services.orders.store import OrderStore

_SKU = re.compile(SKU_PATTERN)


@dataclass(frozen=True, slots=True)
class Placed:
    """The order, and whether an earlier call had placed it."""

    order: Order
    replayed: bool


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a customer wants. The key may come as field or as metadata; empty: not given."""

    customer: Identity
    lines: tuple[Line, ...]
    request_id: str
    metadata_key: str
    traceparent: str


async def create_order(
    store: OrderStore, stock: Stock, clock: Clock, wake_relay: Callable[[], None], request: OrderRequest
) -> Placed:
    """Place an order, or find the one that this customer's key stands for."""
    try:
        placed = await _place_or_find(store, stock, clock, wake_relay, request)
    except DomainError as refusal:
        REFUSALS.labels(refusal.reason).inc()
        raise
    if placed.replayed:
        REPLAYS.inc()
    return placed


async def _place_or_find(
    store: OrderStore, stock: Stock, clock: Clock, wake_relay: Callable[[], None], request: OrderRequest
) -> Placed:
    key = _check(request)
    order_id, fingerprint = order_id_of(request.customer.subject, key), fingerprint_of(request.lines)
    hold = await _hold_or_none(store, stock, order_id, fingerprint, request.lines)
    if hold is None or not hold.created:
        known = await store.get(order_id)
        if known is not None:
            return _replay(known, fingerprint)
    assert hold is not None, "an order that is out of stock and not there was refused"
    order = place(
        order_id=order_id,
        user_id=request.customer.subject,
        request_id=key,
        fingerprint=fingerprint,
        email=request.customer.email,
        items=hold.items,
        now=clock.now(),
        traceparent=request.traceparent,
    )
    if await finish(insert_counted(store, order)):
        wake_relay()
        return Placed(order, replayed=False)
    twin = await store.get(order_id)
    assert twin is not None, "an order is never removed"
    return _replay(twin, fingerprint)


async def _hold_or_none(
    store: OrderStore, stock: Stock, order_id: str, fingerprint: str, lines: Sequence[Line]
) -> Hold | None:
    """The hold; None for an order that was accepted before, but whose hold expired and cannot be renewed.

    Such an order is answered as it is; what becomes of it is decided when it is processed.
    """
    try:
        return await stock.reserve(order_id, fingerprint, lines)
    except OutOfStock:
        if await store.get(order_id) is None:
            raise
        return None


def _replay(order: Order, fingerprint: str) -> Placed:
    if order.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return Placed(order, replayed=True)


def _check(request: OrderRequest) -> str:
    """Name everything that is wrong at once; returns the idempotency key."""
    violations = Violations()
    key = resolve_key(request.request_id, request.metadata_key, violations)
    lines = request.lines
    if violations.require(0 < len(lines) <= LINES_MAX, "items", f"must be 1 to {LINES_MAX} lines"):
        seen: set[str] = set()
        for index, line in enumerate(lines):
            is_sku = _SKU.fullmatch(line.sku) is not None
            violations.require(is_sku, f"items[{index}].sku", f"must match {SKU_PATTERN}")
            violations.require(line.sku not in seen, f"items[{index}].sku", "is there twice")
            seen.add(line.sku)
            in_range = 0 < line.quantity <= QUANTITY_MAX
            violations.require(in_range, f"items[{index}].quantity", f"must be 1 to {QUANTITY_MAX:,}")
    violations.check()
    return key

"""Holding stock for an order, and giving back what nobody committed in time."""

import asyncio
import logging
import re
from collections.abc import Sequence
from datetime import timedelta

from chassis.clock import Clock
from chassis.violations import Violations
from services.inventory.create_item import check_sku
from services.inventory.decisions import Expire, Reserve, Reserved
from services.inventory.reservation import (
    FINGERPRINT_PATTERN,
    LINES_MAX,
    ORDER_ID_LENGTH_MAX,
    QUANTITY_MAX,
    Line,
    State,
)
from services.inventory.store import InventoryStore
from services.inventory.writer import Writer

_log = logging.getLogger(__name__)

EXPIRE_EACH_SECONDS_MAX = 5.0
EXPIRE_GROUP_MAX = 100

_FINGERPRINT = re.compile(FINGERPRINT_PATTERN)


async def reserve_stock(
    writer: Writer, clock: Clock, hold_seconds: float, order_id: str, fingerprint: str, lines: Sequence[Line]
) -> Reserved:
    """Hold stock for every line, or for none, until ``hold_seconds`` from now."""
    violations = Violations()
    check_order(order_id, fingerprint, violations)
    _check_lines(lines, violations)
    violations.check()
    expire_time = clock.now() + timedelta(seconds=hold_seconds)
    return await writer.reserved(Reserve(order_id, fingerprint, tuple(lines), expire_time))


async def expire_holds(store: InventoryStore, writer: Writer, clock: Clock, hold_seconds: float) -> None:
    """Give back what nobody committed in time, again and again; to be run as a loop."""
    while True:
        expired = await expire_overdue(store, writer, clock)
        if expired < EXPIRE_GROUP_MAX:
            await asyncio.sleep(min(hold_seconds / 10, EXPIRE_EACH_SECONDS_MAX))


async def expire_overdue(store: InventoryStore, writer: Writer, clock: Clock) -> int:
    """Give back the holds that are overdue now, at most ``EXPIRE_GROUP_MAX``; returns how many were looked at."""
    now = clock.now()
    order_ids = await store.overdue_holds(now, EXPIRE_GROUP_MAX)
    outcomes = await asyncio.gather(*(writer.reserved(Expire(order_id, now)) for order_id in order_ids))
    expired = sum(outcome.reservation.state is State.EXPIRED for outcome in outcomes)
    if expired:
        _log.info("%d holds expired", expired)
    return len(order_ids)


def check_order(order_id: str, fingerprint: str, violations: Violations) -> None:
    """Note it when ``order_id`` or ``fingerprint`` do not look like one."""
    violations.require(
        0 < len(order_id) <= ORDER_ID_LENGTH_MAX, "order_id", f"must be 1 to {ORDER_ID_LENGTH_MAX} characters"
    )
    violations.require(
        _FINGERPRINT.fullmatch(fingerprint) is not None, "fingerprint", "must be a SHA-256 in lower-case hexadecimal"
    )


def _check_lines(lines: Sequence[Line], violations: Violations) -> None:
    if not violations.require(0 < len(lines) <= LINES_MAX, "lines", f"must be 1 to {LINES_MAX}"):
        return
    seen: set[str] = set()
    for index, line in enumerate(lines):
        check_sku(line.sku, f"lines[{index}].sku", violations)
        violations.require(line.sku not in seen, f"lines[{index}].sku", "is there twice")
        seen.add(line.sku)
        violations.require(
            0 < line.quantity <= QUANTITY_MAX, f"lines[{index}].quantity", f"must be 1 to {QUANTITY_MAX:,}"
        )

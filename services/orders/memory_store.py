"""Orders in memory: for tests of what stands above the store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.pages import Page, time_key
from services.orders.order import Event, Move, NotificationDebt, Order, StockDebt
from services.orders.store import OUTBOX_ORDERS_MAX, Outbox, SweepTimes


@dataclass(slots=True)
class _Row:
    order: Order
    outbox_due_time: datetime
    sweep_due_time: datetime
    republish_time: datetime
    republish_interval: timedelta


class MemoryStore:
    """See :class:`services.orders.store.OrderStore`."""

    def __init__(self, times: SweepTimes) -> None:
        self._rows: dict[str, _Row] = {}
        self._times = times

    async def insert(self, orders: Sequence[Order]) -> list[bool]:
        """See the port."""
        return [self._insert(order) for order in orders]

    async def get(self, order_id: str) -> Order | None:
        """See the port."""
        row = self._rows.get(order_id)
        return None if row is None else row.order

    async def get_many(self, order_ids: Collection[str]) -> list[Order]:
        """See the port."""
        return [self._rows[order_id].order for order_id in order_ids if order_id in self._rows]

    async def list_by_user(self, user_id: str, page: Page) -> list[Order]:
        """See the port."""
        keyed = sorted(
            ((time_key(row.order.create_time), row.order.order_id, row.order) for row in self._rows.values()),
            key=lambda entry: entry[:2],
            reverse=True,
        )
        after = page.after
        orders = [order for *key, order in keyed if order.user_id == user_id and (not after or tuple(key) < after)]
        return orders[: page.size + 1]

    async def apply(self, move: Move) -> Order | None:
        """See the port."""
        row = self._rows.get(move.order_id)
        if row is None or (row.order.status, row.order.version) != (move.status, move.version):
            return None
        row.order = replace(
            row.order,
            status=move.to.status,
            version=row.order.version + 1,
            history=(*row.order.history, move.to),
            failure=move.failure,
            stock=move.stock,
            notification=move.notification,
            pending_events=(*row.order.pending_events, *((move.event,) if move.event else ())),
        )
        if move.event:
            was_due = len(row.order.pending_events) > 1
            row.outbox_due_time = max(row.outbox_due_time, move.event.time) if was_due else move.event.time
        return row.order

    async def record_released(self, order_id: str) -> None:
        """See the port."""
        row = self._rows.get(order_id)
        if row is not None and row.order.stock is StockDebt.TO_RELEASE:
            row.order = replace(row.order, stock=StockDebt.RELEASED)

    async def record_notified(self, order_id: str) -> Order | None:
        """See the port."""
        row = self._rows.get(order_id)
        if row is None or not row.order.status.is_terminal:
            return None
        row.order = replace(row.order, notification=NotificationDebt.DONE)
        return row.order

    async def claim_events(self, now: datetime, lease: timedelta, orders_max: int) -> list[Event]:
        """See the port."""
        due = [row for row in self._rows.values() if row.order.pending_events and row.outbox_due_time <= now]
        due.sort(key=lambda row: row.outbox_due_time)
        for row in due[:orders_max]:
            row.outbox_due_time = now + lease
        return [event for row in due[:orders_max] for event in row.order.pending_events]

    async def record_published(self, order_id: str, event_ids: Collection[str]) -> None:
        """See the port."""
        row = self._rows[order_id]
        left = tuple(event for event in row.order.pending_events if event.event_id not in event_ids)
        row.order = replace(row.order, pending_events=left)
        row.outbox_due_time = min((event.time for event in left), default=row.outbox_due_time)

    async def outbox(self) -> Outbox:
        """See the port."""
        waiting = [row.order.pending_events for row in self._rows.values() if row.order.pending_events]
        oldest_time = min((events[0].time for events in waiting), default=None)
        return Outbox(min(len(waiting), OUTBOX_ORDERS_MAX), oldest_time)

    async def overdue(self, now: datetime, orders_max: int) -> list[Order]:
        """See the port."""
        due = [row for row in self._rows.values() if row.sweep_due_time <= now and not _is_settled(row.order)]
        return [row.order for row in sorted(due, key=lambda row: row.sweep_due_time)[:orders_max]]

    async def claim_overdue(self, order: Order, now: datetime, *, publish: bool) -> bool:
        """See the port."""
        row, times = self._rows[order.order_id], self._times
        if row.order.version != order.version or row.sweep_due_time > now or _is_settled(row.order):
            return False
        if publish and row.republish_time <= now:
            row.republish_time = now + row.republish_interval
            row.republish_interval = min(2 * row.republish_interval, times.last_interval)
            if not row.order.pending_events:
                row.order = replace(row.order, pending_events=(order.event(now),))
                row.outbox_due_time = now
        row.sweep_due_time = now + times.look_again
        return True

    async def put_off(self, order_id: str, now: datetime) -> None:
        """See the port."""
        row, renew_time = self._rows[order_id], now + self._times.renew
        row.sweep_due_time = renew_time if row.republish_time <= now else min(row.republish_time, renew_time)

    def _insert(self, order: Order) -> bool:
        if order.order_id in self._rows:
            return False
        placed, times = order.create_time, self._times
        self._rows[order.order_id] = _Row(
            order, placed, placed + times.first_look, placed + times.age, times.first_interval
        )
        return True


def _is_settled(order: Order) -> bool:
    return (
        order.status.is_terminal
        and order.stock is not StockDebt.TO_RELEASE
        and order.notification is NotificationDebt.DONE
    )

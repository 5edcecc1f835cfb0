"""An order's life in a few fields: what every store of orders must be indistinguishable from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.orders.order import Event, NotificationDebt, Order, StockDebt
from services.orders.tests.conftest import LEASE, RENEW, SWEEP_AGE

MOVES = {
    "begin": ("PENDING", "PROCESSING", ()),
    "cancel": ("PENDING", "CANCELLED", ("stock", "mail")),
    "complete": ("PROCESSING", "PROCESSED", ("mail",)),
    "fail": ("PROCESSING", "FAILED", ("stock", "mail")),
}
"""Each move: where it begins, where it ends, and what the order owes then."""

ENDS = ("PROCESSED", "FAILED", "CANCELLED")
REPUBLISH_FIRST, REPUBLISH_LAST = timedelta(seconds=30), timedelta(hours=1)
LOOK_AGAIN = timedelta(seconds=30)


@dataclass
class Life:
    """One order: its history, its debts, and what waits to be done about it."""

    history: list[tuple[str, datetime]]
    pending: list[tuple[str, str, datetime]]
    due: datetime | None
    look: datetime
    republish: datetime
    interval: timedelta = REPUBLISH_FIRST
    owes: set[str] = field(default_factory=set)

    @property
    def status(self) -> str:
        return self.history[-1][0]

    @property
    def has_ended(self) -> bool:
        return self.status in ENDS

    @property
    def is_settled(self) -> bool:
        return self.has_ended and not self.owes


@dataclass
class Model:
    """Orders by id. Each method takes what a store was asked and what it answered, and objects."""

    lives: dict[str, Life] = field(default_factory=dict)

    def place(self, order_ids: Sequence[str], now: datetime, answer: list[bool]) -> None:
        expected = []
        for order_id in order_ids:
            expected.append(order_id not in self.lives)
            if order_id not in self.lives:
                event = (f"{order_id}:1", "order.created", now)
                look, republish = now + min(SWEEP_AGE, RENEW), now + SWEEP_AGE
                self.lives[order_id] = Life([("PENDING", now)], [event], now, look, republish)
        assert answer == expected

    def move(self, order_id: str, kind: str, version: int, now: datetime, answer: Order | None) -> None:
        begins, ends, debts = MOVES[kind]
        life = self.lives[order_id]
        if (life.status, len(life.history)) != (begins, version):
            assert answer is None
            return
        life.history.append((ends, now))
        life.owes.update(debts)
        if kind == "cancel":
            life.due = max(life.due, now) if life.due else now
            life.pending.append((f"{order_id}:2", "order.cancelled", now))
        assert answer is not None
        assert values(answer) == self.values(order_id)

    def released(self, order_id: str) -> None:
        self.lives[order_id].owes.discard("stock")

    def notified(self, order_id: str, answer: Order | None) -> None:
        life = self.lives[order_id]
        if life.has_ended:
            life.owes.discard("mail")
        assert (answer and values(answer)) == (self.values(order_id) if life.has_ended else None)

    def claimed(self, now: datetime, orders_max: int, answer: Sequence[Event]) -> None:
        """The orders that are due, the longest due first; among equals a store may choose."""
        dues = {order_id: life.due for order_id, life in self.lives.items() if life.due and life.due <= now}
        chosen = {event.order_id for event in answer}
        last = sorted(dues.values())[:orders_max][-1:]
        assert len(chosen) == min(orders_max, len(dues))
        assert all(dues[order_id] <= time for order_id in chosen for time in last)
        expected = [event_id for order_id in chosen for event_id, *_ in self.lives[order_id].pending]
        assert sorted(event.event_id for event in answer) == sorted(expected)
        for order_id in chosen:
            self.lives[order_id].due = now + LEASE

    def published(self, order_id: str, event_ids: Sequence[str]) -> None:
        life = self.lives[order_id]
        life.pending = [event for event in life.pending if event[0] not in event_ids]
        life.due = min((time for *_, time in life.pending), default=None)

    def overdue(self, now: datetime, answer: Sequence[Order]) -> None:
        looks = {o: life.look for o, life in self.lives.items() if not life.is_settled and life.look <= now}
        assert {order.order_id for order in answer} == looks.keys()
        assert [looks[order.order_id] for order in answer] == sorted(looks.values())
        assert all(values(order) == self.values(order.order_id) for order in answer)

    def swept(self, order_id: str, version: int, now: datetime, *, publish: bool, answer: bool) -> None:
        life = self.lives[order_id]
        assert answer == (len(life.history) == version and life.look <= now and not life.is_settled)
        if not answer:
            return
        if publish and life.republish <= now:
            life.republish = now + life.interval
            life.interval = min(2 * life.interval, REPUBLISH_LAST)
            if not life.pending:
                type_ = "order.cancelled" if life.status == "CANCELLED" else "order.created"
                life.pending, life.due = [(f"{order_id}:{version}", type_, now)], now
        life.look = now + LOOK_AGAIN

    def put_off(self, order_id: str, now: datetime) -> None:
        life = self.lives[order_id]
        is_withheld = life.republish <= now
        life.look = now + RENEW if is_withheld else min(life.republish, now + RENEW)

    def values(self, order_id: str) -> tuple[Any, ...] | None:
        """All that a reader of the order may see."""
        life = self.lives.get(order_id)
        if life is None:
            return None
        return life.status, len(life.history), life.history, life.pending, sorted(life.owes)

    def row(self, order_id: str) -> dict[str, Any]:
        """What only the relay and the sweep use: each is there only while there is something to do."""
        life = self.lives[order_id]
        row: dict[str, Any] = {"outbox_due_time": life.due} if life.pending else {}
        if not life.is_settled:
            row |= {
                "sweep_due_time": life.look,
                "republish_time": life.republish,
                "republish_interval_seconds": life.interval.total_seconds(),
            }
        return row


def values(order: Order) -> tuple[Any, ...]:
    """An order as the model would say it."""
    owes = ["mail"] if order.notification is NotificationDebt.TO_SEND else []
    owes += ["stock"] if order.stock is StockDebt.TO_RELEASE else []
    history = [(change.status.value, change.time) for change in order.history]
    pending = [(event.event_id, event.type.value, event.time) for event in order.pending_events]
    return order.status.value, order.version, history, pending, owes

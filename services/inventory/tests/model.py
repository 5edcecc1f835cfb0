"""A shop's stock in a few dicts: what every store of inventory must be indistinguishable from.

Only adjustments and reservations are kept. What is available, reserved and sold follows from them by
sums, so in the model stock adds up whatever happens; a store that counts must come to the same numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chassis.errors import DomainError, InvalidArgument
from services.inventory.decisions import Adjust, Adjusted, Commit, Decision, Expire, Outcome, Release, Reserve, Reserved
from services.inventory.item import STOCK_MAX, Item
from services.inventory.reservation import Reservation

Answer = tuple[Any, ...]
"""What a decision was answered with, in plain values."""


@dataclass
class Hold:
    """What is known of one order; ``lines`` are (sku, name, quantity, currency, price)."""

    fingerprint: str
    lines: list[tuple[str, str, int, str, int]]
    state: str
    expire_time: datetime


@dataclass
class Model:
    """``labels``: name, currency and price by sku; ``deltas``: by (sku, request id)."""

    labels: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    deltas: dict[tuple[str, str], int] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)

    def counts(self, sku: str) -> tuple[int, int, int, int]:
        """What is available, reserved and sold, and what it was adjusted to."""
        reserved, sold = self._sum(sku, "HELD"), self._sum(sku, "COMMITTED")
        adjusted = sum(delta for (of, _), delta in self.deltas.items() if of == sku)
        return adjusted - reserved - sold, reserved, sold, adjusted

    def take(self, decision: Decision) -> Answer:
        """The only answer that the decision may get now."""
        match decision:
            case Reserve():
                return self._reserve(decision)
            case Commit(order_id, fingerprint):
                return self._commit(order_id, fingerprint)
            case Release(order_id, fingerprint):
                return self._release(order_id, fingerprint)
            case Expire(order_id, now):
                return self._expire(order_id, now)
            case Adjust(adjustment):
                return self._adjust(adjustment.sku, adjustment.request_id, adjustment.delta)

    def overdue(self, now: datetime) -> list[str]:
        """The orders whose hold is overdue."""
        return sorted(o for o, hold in self.holds.items() if hold.state == "HELD" and hold.expire_time <= now)

    def _reserve(self, decision: Reserve) -> Answer:
        hold = self.holds.get(decision.order_id)
        if hold is None:
            return self._reserve_first(decision)
        if hold.fingerprint != decision.fingerprint:
            return ("IDEMPOTENCY_KEY_REUSED",)
        if hold.state == "EXPIRED" and self._short(hold):
            return ("OUT_OF_STOCK", self._short(hold))
        if hold.state in ("EXPIRED", "HELD"):
            hold.state = "HELD"
            hold.expire_time = max(hold.expire_time, decision.expire_time)
        return self._reserved(decision.order_id)

    def _reserve_first(self, decision: Reserve) -> Answer:
        unknown = [f"lines[{n}].sku" for n, line in enumerate(decision.lines) if line.sku not in self.labels]
        if unknown:
            return ("INVALID_REQUEST", unknown)
        currencies = [self.labels[line.sku][1] for line in decision.lines]
        foreign = [f"lines[{n}].sku" for n, currency in enumerate(currencies) if currency != currencies[0]]
        if foreign:
            return ("INVALID_REQUEST", foreign)
        lines = []
        for line in sorted(decision.lines, key=lambda line: line.sku):
            name, currency, price = self.labels[line.sku]
            lines.append((line.sku, name, line.quantity, currency, price))
        hold = Hold(decision.fingerprint, lines, "HELD", decision.expire_time)
        if self._short(hold):
            return ("OUT_OF_STOCK", self._short(hold))
        self.holds[decision.order_id] = hold
        return self._reserved(decision.order_id, created=True)

    def _commit(self, order_id: str, fingerprint: str) -> Answer:
        hold = self.holds.get(order_id)
        if hold is None:
            return ("RESERVATION_NOT_FOUND",)
        if hold.fingerprint != fingerprint:
            return ("IDEMPOTENCY_KEY_REUSED",)
        if hold.state == "HELD":
            hold.state = "COMMITTED"
        elif hold.state == "EXPIRED":
            hold.state = "RELEASED" if self._short(hold) else "COMMITTED"
        return self._reserved(order_id)

    def _release(self, order_id: str, fingerprint: str) -> Answer:
        hold = self.holds.get(order_id)
        if hold is None:
            return ("RESERVATION_NOT_FOUND",)
        if hold.fingerprint != fingerprint:
            return ("IDEMPOTENCY_KEY_REUSED",)
        if hold.state == "COMMITTED":
            return ("RESERVATION_COMMITTED",)
        hold.state = "RELEASED"
        return self._reserved(order_id)

    def _expire(self, order_id: str, now: datetime) -> Answer:
        hold = self.holds.get(order_id)
        if hold is None:
            return ("RESERVATION_NOT_FOUND",)
        if hold.state == "HELD" and hold.expire_time <= now:
            hold.state = "EXPIRED"
        return self._reserved(order_id)

    def _adjust(self, sku: str, request_id: str, delta: int) -> Answer:
        if sku not in self.labels:
            return ("ITEM_NOT_FOUND",)
        known = self.deltas.get((sku, request_id))
        if known is not None:
            return ("IDEMPOTENCY_KEY_REUSED",) if known != delta else ("ADJUSTED", self.counts(sku), True)
        available, _, _, adjusted = self.counts(sku)
        if available + delta < 0:
            return ("OUT_OF_STOCK", {sku: str(available)})
        if adjusted + delta > STOCK_MAX:
            return ("STOCK_LIMIT_EXCEEDED",)
        self.deltas[sku, request_id] = delta
        return ("ADJUSTED", self.counts(sku), False)

    def _reserved(self, order_id: str, *, created: bool = False) -> Answer:
        hold = self.holds[order_id]
        return ("RESERVED", hold.fingerprint, hold.state, hold.expire_time, list(hold.lines), created)

    def _short(self, hold: Hold) -> dict[str, str]:
        return {sku: str(left) for sku, _, n, *_ in hold.lines if (left := self.counts(sku)[0]) < n}

    def _sum(self, sku: str, state: str) -> int:
        held = (hold for hold in self.holds.values() if hold.state == state)
        return sum(quantity for hold in held for of, _, quantity, *_ in hold.lines if of == sku)


def answer(outcome: Outcome) -> Answer:
    """A store's outcome as the model would say it."""
    match outcome:
        case Reserved(reservation, created):
            return ("RESERVED", *reservation_values(reservation), created)
        case Adjusted(item, replayed):
            return ("ADJUSTED", count_values(item), replayed)
        case InvalidArgument():
            return (outcome.reason, [violation.field for violation in outcome.violations])
        case DomainError(reason="OUT_OF_STOCK"):
            return (outcome.reason, dict(outcome.metadata))
        case DomainError():
            return (outcome.reason,)


def reservation_values(reservation: Reservation) -> tuple[Any, ...]:
    """A reservation in plain values."""
    lines = [
        (line.sku, line.name, line.quantity, line.unit_price.currency_code, line.unit_price.minor_units)
        for line in reservation.lines
    ]
    return reservation.fingerprint, reservation.state.value, reservation.expire_time, lines


def count_values(item: Item) -> tuple[int, int, int, int]:
    """An item's stock in plain values."""
    return item.available, item.reserved, item.sold, item.adjusted


def answers(model: Model, decisions: Sequence[Decision]) -> list[Answer]:
    """What a group of decisions must be answered with, one after the other."""
    return [model.take(decision) for decision in decisions]


def as_answers(outcomes: Iterable[Outcome]) -> list[Answer]:
    """The outcomes of a group as the model would say them."""
    return [answer(outcome) for outcome in outcomes]

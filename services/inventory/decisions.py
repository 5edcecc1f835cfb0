"""What is decided about stock: pure functions from a decision and what is on the shelves.

The decisions of a group are taken one after the other on the same shelves, so each sees what those
before it did. A refused decision raises and changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chassis.errors import DomainError, InvalidArgument, Violation
from services.inventory.errors import (
    IdempotencyKeyReused,
    ItemNotFound,
    OutOfStock,
    ReservationCommitted,
    ReservationNotFound,
    StockLimitExceeded,
)
from services.inventory.item import STOCK_MAX, Adjustment, Item
from services.inventory.reservation import Line, Reservation, ReservedLine, State


@dataclass(frozen=True, slots=True)
class Reserve:
    """Hold stock for every line, or for none."""

    order_id: str
    fingerprint: str
    lines: tuple[Line, ...]
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """Turn a hold into a sale."""

    order_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Release:
    """Give a hold back."""

    order_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Give a hold back that nobody committed in time."""

    order_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Adjust:
    """Change an item's stock."""

    adjustment: Adjustment


Decision = Reserve | Commit | Release | Expire | Adjust


@dataclass(frozen=True, slots=True)
class Reserved:
    """The answer to Reserve, Commit, Release and Expire.

    ``created``, ``moved`` to its state: by this very decision.
    """

    reservation: Reservation
    created: bool = False
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The answer to Adjust; ``replayed`` when it had been made before."""

    item: Item
    replayed: bool


Outcome = Reserved | Adjusted | DomainError


@dataclass(slots=True)
class Shelves:
    """The rows that a group of decisions is about, as they are now."""

    items: dict[str, Item] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    adjustments: dict[tuple[str, str], Adjustment] = field(default_factory=dict)

    def require_items(self, lines: Iterable[ReservedLine]) -> None:
        """Items are never removed; if one was all the same, that is its orders' trouble and not the group's.

        :raises ItemNotFound: naming the first that is missing.
        """
        for line in lines:
            if line.sku not in self.items:
                raise ItemNotFound(line.sku)

    def shortages(self, lines: Iterable[Line | ReservedLine]) -> dict[str, int]:
        """What is available of each sku that there is not enough of."""
        return {
            line.sku: self.items[line.sku].available for line in lines if self.items[line.sku].available < line.quantity
        }


def take(decisions: Sequence[Decision], shelves: Shelves) -> list[Outcome]:
    """Take the decisions in order, changing ``shelves``; one outcome for each."""
    return [_take_one(decision, shelves) for decision in decisions]


def skus_of(decisions: Iterable[Decision], reservations: Iterable[Reservation]) -> list[str]:
    """The skus whose items the decisions are about, sorted."""
    skus = {line.sku for reservation in reservations for line in reservation.lines}
    for decision in decisions:
        if isinstance(decision, Reserve):
            skus.update(line.sku for line in decision.lines)
        elif isinstance(decision, Adjust):
            skus.add(decision.adjustment.sku)
    return sorted(skus)


def _take_one(decision: Decision, shelves: Shelves) -> Outcome:
    try:
        match decision:
            case Reserve():
                return _reserve(decision, shelves)
            case Commit():
                return _commit(decision, shelves)
            case Release():
                return _release(decision, shelves)
            case Expire():
                return _expire(decision, shelves)
            case Adjust():
                return _adjust(decision.adjustment, shelves)
    except DomainError as refusal:
        return refusal


def _reserve(decision: Reserve, shelves: Shelves) -> Reserved:
    known = shelves.reservations.get(decision.order_id)
    if known is None:
        lines = _priced(decision.lines, shelves)
        new = Reservation(decision.order_id, decision.fingerprint, lines, State.HELD, decision.expire_time)
        _hold(new, shelves)
        return Reserved(_put(new, shelves), created=True, moved=True)
    _check_fingerprint(known, decision.fingerprint)
    shelves.require_items(known.lines)
    is_renewed = known.state is State.EXPIRED
    if is_renewed:
        _hold(known, shelves)
    if known.state in {State.EXPIRED, State.HELD}:
        expire_time = max(known.expire_time, decision.expire_time)
        known = _put(replace(known, state=State.HELD, expire_time=expire_time), shelves)
    return Reserved(known, moved=is_renewed)


def _commit(decision: Commit, shelves: Shelves) -> Reserved:
    known = _known(decision, shelves)
    if known.state is State.EXPIRED:
        if shelves.shortages(known.lines):
            return Reserved(_put(replace(known, state=State.RELEASED), shelves), moved=True)
        _hold(known, shelves)
    if known.state not in {State.EXPIRED, State.HELD}:
        return Reserved(known)
    for line in known.lines:
        shelves.items[line.sku] = shelves.items[line.sku].sell(line.quantity)
    return Reserved(_put(replace(known, state=State.COMMITTED), shelves), moved=True)


def _release(decision: Release, shelves: Shelves) -> Reserved:
    known = _known(decision, shelves)
    if known.state is State.COMMITTED:
        raise ReservationCommitted(known.order_id)
    if known.state is State.HELD:
        _give_back(known, shelves)
    moved = known.state is not State.RELEASED
    return Reserved(_put(replace(known, state=State.RELEASED), shelves), moved=moved)


def _expire(decision: Expire, shelves: Shelves) -> Reserved:
    known = shelves.reservations.get(decision.order_id)
    if known is None:
        raise ReservationNotFound(decision.order_id)
    shelves.require_items(known.lines)
    if known.state is not State.HELD or known.expire_time > decision.now:
        return Reserved(known)
    _give_back(known, shelves)
    return Reserved(_put(replace(known, state=State.EXPIRED), shelves), moved=True)


def _adjust(adjustment: Adjustment, shelves: Shelves) -> Adjusted:
    key = (adjustment.sku, adjustment.request_id)
    item = shelves.items.get(adjustment.sku)
    if item is None:
        raise ItemNotFound(adjustment.sku)
    known = shelves.adjustments.get(key)
    if known is not None:
        if known.delta != adjustment.delta:
            raise IdempotencyKeyReused
        return Adjusted(item, replayed=True)
    adjusted = item.adjust(adjustment.delta)
    if adjusted.available < 0:
        raise OutOfStock({item.sku: item.available})
    if adjusted.adjusted > STOCK_MAX:
        raise StockLimitExceeded(item.sku)
    shelves.items[item.sku] = adjusted
    shelves.adjustments[key] = adjustment
    return Adjusted(adjusted, replayed=False)


def _priced(lines: Sequence[Line], shelves: Shelves) -> tuple[ReservedLine, ...]:
    """The lines by sku, with names and prices as they are now."""
    unknown = [
        Violation(f"lines[{index}].sku", "there is no such item")
        for index, line in enumerate(lines)
        if line.sku not in shelves.items
    ]
    if unknown:
        raise InvalidArgument(unknown)
    currencies = [shelves.items[line.sku].unit_price.currency_code for line in lines]
    foreign = [
        Violation(f"lines[{index}].sku", f"is priced in {currency}, the first line in {currencies[0]}")
        for index, currency in enumerate(currencies)
        if currency != currencies[0]
    ]
    if foreign:
        raise InvalidArgument(foreign)
    return tuple(
        ReservedLine(line.sku, shelves.items[line.sku].name, line.quantity, shelves.items[line.sku].unit_price)
        for line in sorted(lines, key=lambda line: line.sku)
    )


def _hold(reservation: Reservation, shelves: Shelves) -> None:
    shortages = shelves.shortages(reservation.lines)
    if shortages:
        raise OutOfStock(shortages)
    for line in reservation.lines:
        shelves.items[line.sku] = shelves.items[line.sku].hold(line.quantity)


def _give_back(reservation: Reservation, shelves: Shelves) -> None:
    for line in reservation.lines:
        shelves.items[line.sku] = shelves.items[line.sku].give_back(line.quantity)


def _known(decision: Commit | Release, shelves: Shelves) -> Reservation:
    known = shelves.reservations.get(decision.order_id)
    if known is None:
        raise ReservationNotFound(decision.order_id)
    _check_fingerprint(known, decision.fingerprint)
    shelves.require_items(known.lines)
    return known


def _check_fingerprint(known: Reservation, fingerprint: str) -> None:
    if known.fingerprint != fingerprint:
        raise IdempotencyKeyReused


def _put(reservation: Reservation, shelves: Shelves) -> Reservation:
    shelves.reservations[reservation.order_id] = reservation
    return reservation

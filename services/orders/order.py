r"""An order: its states, and the moves between them.

::

    PENDING --begin--> PROCESSING --complete--> PROCESSED
       |                    \--fail-----------> FAILED
       \--cancel--> CANCELLED

PROCESSED, FAILED and CANCELLED are terminal. An order that ended may still owe something: the stock of
a FAILED or CANCELLED order must be released, and the customer must be told. Both debts are written
down in the same move that ends the order; an order is settled when it owes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

LINES_MAX = 100
QUANTITY_MAX = 10_000
SKU_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

ORDER_ID_BYTES = 16
ORDER_ID_PATTERN = r"[0-9a-f]{32}"


class Status(StrEnum):
    """Where an order is in its life."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    PROCESSED = "PROCESSED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether an order stays in this status for ever."""
        return self in TERMINAL


TERMINAL = frozenset({Status.PROCESSED, Status.FAILED, Status.CANCELLED})


class StockDebt(StrEnum):
    """What an order that ended without a sale owes to inventory."""

    TO_RELEASE = "TO_RELEASE"
    RELEASED = "RELEASED"


class NotificationDebt(StrEnum):
    """What an order that ended owes to its customer."""

    TO_SEND = "TO_SEND"
    DONE = "DONE"


class EventType(StrEnum):
    """What is published about orders."""

    CREATED = "order.created"
    CANCELLED = "order.cancelled"


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in the smallest unit of an ISO 4217 currency."""

    currency_code: str
    minor_units: int


@dataclass(frozen=True, slots=True)
class Line:
    """A sku and how many of it."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderItem:
    """A line with the item's name and price at the time it was placed."""

    sku: str
    name: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an order failed: UPPER_SNAKE_CASE for programs, a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A status and when the order got it."""

    status: Status
    time: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """A fact to publish. ``traceparent`` is the trace that caused it, or empty."""

    event_id: str
    type: EventType
    order_id: str
    version: int
    time: datetime
    traceparent: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order. ``version`` counts its status changes and is the length of ``history``."""

    order_id: str
    user_id: str
    request_id: str
    fingerprint: str
    email: str
    items: tuple[OrderItem, ...]
    status: Status
    version: int
    history: tuple[StatusChange, ...]
    failure: Failure | None = None
    stock: StockDebt | None = None
    notification: NotificationDebt | None = None
    pending_events: tuple[Event, ...] = ()
    traceparent: str = ""
    """The trace that it was placed in, or empty: what is done for it much later belongs there too."""

    @property
    def total(self) -> Money:
        """The sum over all items, which share one currency."""
        amount = sum(item.quantity * item.unit_price.minor_units for item in self.items)
        return Money(self.items[0].unit_price.currency_code, amount)

    @property
    def create_time(self) -> datetime:
        """When the order was placed."""
        return self.history[0].time

    @property
    def update_time(self) -> datetime:
        """When the order's status last changed."""
        return self.history[-1].time

    @property
    def lines(self) -> tuple[Line, ...]:
        """What was ordered."""
        return tuple(Line(item.sku, item.quantity) for item in self.items)

    def at(self, version: int) -> "Order":
        """The order as it was at an earlier version: what was ordered and for whom never changes."""
        if version == self.version:
            return self
        history = self.history[:version]
        return replace(self, version=version, history=history, status=history[-1].status, failure=None)

    def event(self, now: datetime) -> Event:
        """What to publish about the order as it is."""
        type_ = EventType.CANCELLED if self.status is Status.CANCELLED else EventType.CREATED
        return Event(f"{self.order_id}:{self.version}", type_, self.order_id, self.version, now, self.traceparent)


@dataclass(frozen=True, slots=True)
class Move:
    """A change of status, to be made only if the order is still in ``status`` with ``version``."""

    order_id: str
    status: Status
    version: int
    to: StatusChange
    failure: Failure | None = None
    stock: StockDebt | None = None
    notification: NotificationDebt | None = None
    event: Event | None = None


def place(
    *,
    order_id: str,
    user_id: str,
    request_id: str,
    fingerprint: str,
    email: str,
    items: tuple[OrderItem, ...],
    now: datetime,
    traceparent: str,
) -> Order:
    """A new order, with the event that announces it."""
    created = Event(f"{order_id}:1", EventType.CREATED, order_id, 1, now, traceparent)
    return Order(
        order_id=order_id,
        user_id=user_id,
        request_id=request_id,
        fingerprint=fingerprint,
        email=email,
        items=items,
        status=Status.PENDING,
        version=1,
        history=(StatusChange(Status.PENDING, now),),
        pending_events=(created,),
        traceparent=traceparent,
    )


def begin(order: Order, now: datetime) -> Move:
    """PENDING -> PROCESSING: from here on it can no longer be cancelled."""
    assert order.status is Status.PENDING
    return Move(order.order_id, order.status, order.version, StatusChange(Status.PROCESSING, now))


def complete(order: Order, now: datetime) -> Move:
    """PROCESSING -> PROCESSED: its stock is sold."""
    assert order.status is Status.PROCESSING
    to = StatusChange(Status.PROCESSED, now)
    return Move(order.order_id, order.status, order.version, to, notification=NotificationDebt.TO_SEND)


def fail(order: Order, failure: Failure, now: datetime) -> Move:
    """PROCESSING -> FAILED."""
    assert order.status is Status.PROCESSING
    return Move(
        order.order_id,
        order.status,
        order.version,
        StatusChange(Status.FAILED, now),
        failure=failure,
        stock=StockDebt.TO_RELEASE,
        notification=NotificationDebt.TO_SEND,
    )


def cancel(order: Order, now: datetime, traceparent: str) -> Move:
    """PENDING -> CANCELLED, with the event that announces it."""
    assert order.status is Status.PENDING
    version = order.version + 1
    return Move(
        order.order_id,
        order.status,
        order.version,
        StatusChange(Status.CANCELLED, now),
        stock=StockDebt.TO_RELEASE,
        notification=NotificationDebt.TO_SEND,
        event=Event(f"{order.order_id}:{version}", EventType.CANCELLED, order.order_id, version, now, traceparent),
    )


def order_id_of(user_id: str, idempotency_key: str) -> str:
    """The id that this user's key stands for: a retry, even after a crash, finds the same order."""
    digest = sha256()
    for part in (user_id.encode(), idempotency_key.encode()):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.hexdigest()[: 2 * ORDER_ID_BYTES]


def fingerprint_of(lines: tuple[Line, ...]) -> str:
    """SHA-256 over the lines sorted by sku: equal for equal orders, whatever the order of their lines."""
    text = "".join(f"{line.sku}={line.quantity};" for line in sorted(lines, key=lambda line: line.sku))
    return sha256(text.encode()).hexdigest()

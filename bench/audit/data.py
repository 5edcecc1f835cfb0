"""What MongoDB holds, as the audit sees it: the data of all services at one moment, in small records."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import NamedTuple

from pymongo.asynchronous.client_session import AsyncClientSession

from bench.audit.databases import Databases
from chassis.mongo import Document

TERMINAL = frozenset({"PROCESSED", "FAILED", "CANCELLED"})

BATCH_SIZE = 500
"""So few documents at once that whatever shares the event loop is not kept waiting."""

_WAITS_FOR_A_DECISION = {"state": {"$in": ["DEAD", "REDRIVING"]}}

_LINE_FIELDS = ("sku", "quantity", "name", "unit_price")


class Line(NamedTuple):
    """A sku, how many of it, and what it was called and cost in minor units."""

    sku: str
    quantity: int
    name: str
    currency_code: str
    minor_units: int


Lines = tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An item's stock."""

    available: int
    reserved: int
    sold: int
    adjusted: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """A hold, by order."""

    state: str
    lines: Lines


@dataclass(frozen=True, slots=True)
class Order:
    """An order. ``history`` has the statuses only; ``due`` says what its outbox and the sweep still have to do."""

    order_id: str
    user_id: str
    email: str
    request_id: str
    lines: Lines
    status: str
    version: int
    history: tuple[str, ...]
    stock: str | None
    notification: str | None
    due: tuple[str, ...]

    @property
    def is_terminal(self) -> bool:
        """Whether it stays as it is for ever."""
        return self.status in TERMINAL

    @property
    def notification_id(self) -> str:
        """The notification that an order which ended must have."""
        return f"{self.order_id}:{self.status.lower()}"

    @property
    def quantities(self) -> dict[str, int]:
        """What was ordered: sku -> quantity."""
        return {line.sku: line.quantity for line in self.lines}


@dataclass(frozen=True, slots=True)
class Notification:
    """One e-mail for one order and one kind. ``send_time`` is there when it is SENT."""

    state: str
    attempts: int
    send_time: datetime | None

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to send."""
        return self.state in {"SENT", "FAILED_PERMANENTLY"}


@dataclass(slots=True)
class Data:
    """Everything, by id. ``adjusted`` is the sum of an item's adjustments, ``added`` that of those above 0.

    ``dead_letters`` is how many wait for a decision.
    """

    items: dict[str, Item] = field(default_factory=dict)
    adjusted: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    notifications: dict[str, Notification] = field(default_factory=dict)
    dead_letters: int = 0

    def counts(self) -> dict[str, int]:
        """How much of everything there is."""
        names = ("items", "reservations", "orders", "notifications")
        return {name: len(getattr(self, name)) for name in names}


async def read_data(databases: Databases) -> Data:
    """All of it, from one snapshot; it takes 1 s for about 15,000 orders.

    :raises PyMongoError: when MongoDB does not answer.
    """
    return await databases.at_one_moment(_Reader(databases).read)


class _Reader:
    """Reads one snapshot. Equal lines and texts are kept once: most orders look like many others."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._lines: dict[Lines, Lines] = {}

    async def read(self, session: AsyncClientSession) -> Data:
        data = Data()
        async for row in self._find(session, "inventory", "items", "available", "reserved", "sold", "adjusted"):
            data.items[row["_id"]] = Item(row["available"], row["reserved"], row["sold"], row["adjusted"])
        async for row in self._find(session, "inventory", "adjustments", "delta"):
            data.adjusted[row["_id"]["sku"]] += row["delta"]
            data.added[row["_id"]["sku"]] += max(row["delta"], 0)
        lines = [f"lines.{name}" for name in _LINE_FIELDS]
        async for row in self._find(session, "inventory", "reservations", "state", *lines):
            data.reservations[row["_id"]] = Reservation(intern(row["state"]), self._lines_of(row["lines"]))
        async for row in self._find(session, "orders", "orders", *_ORDER_FIELDS):
            data.orders[row["_id"]] = self._order(row)
        async for row in self._find(session, "notifier", "notifications", "state", "attempts", "send_time"):
            data.notifications[row["_id"]] = Notification(
                intern(row["state"]), row.get("attempts", 0), row.get("send_time")
            )
        dead_letters = self._databases["notifier"]["dead_letters"]
        data.dead_letters = await dead_letters.count_documents(_WAITS_FOR_A_DECISION, session=session)
        return data

    async def _find(
        self, session: AsyncClientSession, service: str, collection: str, *fields: str
    ) -> AsyncIterator[Document]:
        rows = self._databases[service][collection].find({}, list(fields), session=session, batch_size=BATCH_SIZE)
        async for row in rows:
            yield row

    def _order(self, row: Document) -> Order:
        due = [name for name in ("outbox_due_time", "sweep_due_time") if name in row]
        return Order(
            order_id=row["_id"],
            user_id=intern(row["user_id"]),
            email=intern(row["email"]),
            request_id=row["request_id"],
            lines=self._lines_of(row["items"]),
            status=intern(row["status"]),
            version=row["version"],
            history=tuple(intern(change["status"]) for change in row["history"]),
            stock=row.get("stock"),
            notification=row.get("notification"),
            due=(*due, *(event["event_id"] for event in row["pending_events"])),
        )

    def _lines_of(self, rows: list[Document]) -> Lines:
        lines = tuple(_line(row) for row in rows)
        return self._lines.setdefault(lines, lines)


_ORDER_FIELDS = (
    "user_id",
    "email",
    "request_id",
    *(f"items.{name}" for name in _LINE_FIELDS),
    "status",
    "version",
    "history.status",
    "stock",
    "notification",
    "outbox_due_time",
    "sweep_due_time",
    "pending_events.event_id",
)


def _line(row: Document) -> Line:
    price = row["unit_price"]
    return Line(row["sku"], row["quantity"], row["name"], price["currency_code"], price["minor_units"])

"""Data that is right, what clients, SES and SQS say of it, and how a test makes it wrong."""

from datetime import UTC, datetime, timedelta

from bench.audit import Databases, Evidence, MailRecord, QueueDepths
from bench.audit.journal import Accepted, Cancelled, Entry, NotCancelled, Refused, Saw
from chassis.mongo import Document

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = "ada@example.com"


def lines(quantity: int) -> list[Document]:
    price = {"currency_code": "EUR", "minor_units": 2_500}
    return [{"sku": "LAMP", "name": "Lamp", "quantity": quantity, "unit_price": price}]


def order(order_id: str, quantity: int, *statuses: str, stock: str | None = None) -> Document:
    """An order of Ada's that has ended and owes nothing."""
    return {
        "_id": order_id,
        "user_id": "ada",
        "email": ADA,
        "request_id": f"key-{order_id}",
        "items": lines(quantity),
        "status": statuses[-1],
        "version": len(statuses),
        "history": [{"status": status, "time": NOON} for status in statuses],
        "pending_events": [],
        "notification": "DONE",
        **({"stock": stock} if stock else {}),
    }


def notification(order_id: str, kind: str) -> Document:
    return {"_id": f"{order_id}:{kind}", "state": "SENT", "attempts": 1, "send_time": NOON}


RIGHT: dict[tuple[str, str], list[Document]] = {
    ("inventory", "items"): [{"_id": "LAMP", "available": 8, "reserved": 0, "sold": 2, "adjusted": 10}],
    ("inventory", "adjustments"): [
        {"_id": {"sku": "LAMP", "request_id": ""}, "delta": 12},
        {"_id": {"sku": "LAMP", "request_id": "broken"}, "delta": -2},
    ],
    ("inventory", "reservations"): [
        {"_id": "sold", "state": "COMMITTED", "lines": lines(2)},
        {"_id": "late", "state": "RELEASED", "lines": lines(3)},
        {"_id": "regretted", "state": "RELEASED", "lines": lines(1)},
        {"_id": "abandoned", "state": "EXPIRED", "lines": lines(9)},
    ],
    ("orders", "orders"): [
        order("sold", 2, "PENDING", "PROCESSING", "PROCESSED"),
        order("late", 3, "PENDING", "PROCESSING", "FAILED", stock="RELEASED"),
        order("regretted", 1, "PENDING", "CANCELLED", stock="RELEASED"),
    ],
    ("notifier", "notifications"): [
        notification("sold", "processed"),
        notification("late", "failed"),
        notification("regretted", "cancelled"),
    ],
    ("notifier", "dead_letters"): [{"_id": "m-1", "state": "DELETED"}],
}
"""A lamp that was sold twice in one order; an order that failed, one that was cancelled, a hold that nobody used."""

ITEMS, RESERVATIONS = ("inventory", "items"), ("inventory", "reservations")
ORDERS, NOTIFICATIONS = ("orders", "orders"), ("notifier", "notifications")


def accepted(order_id: str, quantity: int, *, client: str = "c-1") -> Accepted:
    items = {"LAMP": quantity}
    return Accepted(1.0, client, "ada", f"key-{order_id}", order_id, items, "PENDING", 1, replayed=False)


JOURNAL: list[Entry] = [
    accepted("sold", 2),
    accepted("late", 3),
    accepted("regretted", 1),
    Cancelled(2.0, "c-1", "regretted", 2),
    Saw(2.0, "c-1", "sold", "PROCESSING", 2),
    NotCancelled(2.5, "c-1", "sold", "ORDER_NOT_CANCELLABLE"),
    Saw(3.0, "c-1", "sold", "PROCESSED", 3),
    Saw(3.0, "c-2", "sold", "PENDING", 1),
    Refused(4.0, "c-1", "ada", "key-greedy", {"LAMP": 99}, 409, "OUT_OF_STOCK"),
    Refused(4.0, "c-1", "ada", "key-sold", {"LAMP": 3}, 422, "IDEMPOTENCY_KEY_REUSED"),
]

SUPPORTED = Evidence(
    journal=JOURNAL,
    mails=[
        MailRecord("sold", "processed", ADA, accepted=True),
        MailRecord("late", "failed", ADA, accepted=True),
        MailRecord("regretted", "cancelled", ADA, accepted=True),
    ],
    published={"sold:1": 1, "late:1": 1, "regretted:1": 1, "regretted:2": 1},
    depths=QueueDepths(waiting=0, in_flight=0, dead_letters=0),
    dead_letters_expected=0,
)
"""What clients, SES and SQS say of the same."""


async def begin_again(databases: Databases, order_id: str) -> None:
    """The order is PENDING, and nobody was told anything."""
    pending = {"$set": {"status": "PENDING", "version": 1, "history": [{"status": "PENDING"}]}}
    debts = {"$unset": {"stock": 1, "notification": 1}}
    await databases["orders"]["orders"].update_one({"_id": order_id}, pending | debts)
    await databases["notifier"]["notifications"].delete_one({"_id": {"$regex": f"^{order_id}:"}})


def checks(findings: list[str]) -> set[str]:
    return {finding.partition(":")[0] for finding in findings}

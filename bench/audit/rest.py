"""What rest still waits for."""

from bench.audit.data import TERMINAL
from bench.audit.databases import Databases
from bench.audit.queues import Queues
from chassis.mongo import Document

_DUE = ("outbox_due_time", "sweep_due_time")
_FIELDS = ("status", "stock", "notification", *_DUE, "pending_events.event_id")


async def unsettled(databases: Databases, queues: Queues | None = None) -> list[str]:
    """Orders that have not ended or owe something, holds without an order, and messages; one sentence each.

    A hold is looked at before the orders are: an order comes after its hold.

    :raises PyMongoError: when MongoDB does not answer.
    :raises ClientError, BotoCoreError: when SQS does not.
    """
    held = [row["_id"] async for row in databases["inventory"]["reservations"].find({"state": "HELD"}, ["_id"])]
    orders = databases["orders"]["orders"]
    found = [_words(order) async for order in orders.find(_IS_UNSETTLED, list(_FIELDS))]
    known = {row["_id"] async for row in orders.find({"_id": {"$in": held}}, ["_id"])}
    found += [f"reservation {order_id} is HELD without an order" for order_id in held if order_id not in known]
    if queues is not None:
        depths = await queues.depths()
        if not depths.is_empty:
            found.append(f"{depths.waiting} messages wait in the queue, {depths.in_flight} are in flight")
    return found


_IS_UNSETTLED: Document = {
    "$or": [
        {"status": {"$nin": sorted(TERMINAL)}},
        {"stock": "TO_RELEASE"},
        {"notification": "TO_SEND"},
        {"pending_events.0": {"$exists": True}},
        *({field: {"$exists": True}} for field in _DUE),
    ]
}


def _words(order: Document) -> str:
    owes = [f"{debt} {order[debt]}" for debt in ("stock", "notification") if str(order.get(debt)).startswith("TO_")]
    waits = [*owes, *(field for field in _DUE if field in order)]
    waits += [f"event {event['event_id']}" for event in order["pending_events"]]
    return f"order {order['_id']} is {order['status']}" + (f", and has {', '.join(waits)}" if waits else "")

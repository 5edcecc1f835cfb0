"""What must hold of the data, whatever happened: read from MongoDB, told as sentences.

I1  for each item, all stock ever added equals available + reserved + sold, none below 0, and these
    equal what the reservations and adjustments say
I3  each accepted order has ended and owes nothing
I4  a PROCESSED order's stock is COMMITTED line by line, a FAILED or CANCELLED one's holds nothing
I5  each order that ended has one mail of its kind
I6  nothing waits to be published
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymongo import AsyncMongoClient

Document = dict[str, Any]
Databases = AsyncMongoClient[Document]

TERMINAL = {"PROCESSED", "FAILED", "CANCELLED"}
HOLDS_STOCK = {"HELD", "COMMITTED"}


@asynccontextmanager
async def open_databases(mongo_uri: str) -> AsyncIterator[Databases]:
    """The databases of all services, read as they were written: by a majority."""
    async with AsyncMongoClient[Document](mongo_uri, readConcernLevel="majority", tz_aware=True) as client:
        yield client


async def unsettled(databases: Databases) -> list[str]:
    """Orders that have not ended yet, or still owe something (I3, I6)."""
    found = []
    is_unsettled = [{field: {"$exists": True}} for field in ("outbox_due_time", "sweep_due_time")]
    async for order in databases["orders"]["orders"].find(
        {"$or": [*is_unsettled, {"status": {"$nin": sorted(TERMINAL)}}]}
    ):
        owes = {name for name in ("outbox_due_time", "sweep_due_time") if name in order}
        if order["status"] not in TERMINAL or owes or order["pending_events"]:
            found.append(f"order {order['_id']} is {order['status']} and owes {sorted(owes) or 'nothing'}")
    return found


async def broken(databases: Databases) -> list[str]:
    """What does not hold of stock and mails (I1, I4, I5); to be read when everything is settled."""
    reservations = [document async for document in databases["inventory"]["reservations"].find()]
    orders = [document async for document in databases["orders"]["orders"].find()]
    return [
        *await _broken_items(databases, reservations),
        *_broken_reservations({reservation["_id"]: reservation for reservation in reservations}, orders),
        *await _broken_notifications(databases, orders),
    ]


async def _broken_items(databases: Databases, reservations: list[Document]) -> list[str]:
    adjusted: Counter[str] = Counter()
    async for adjustment in databases["inventory"]["adjustments"].find():
        adjusted[adjustment["_id"]["sku"]] += adjustment["delta"]
    quantities = {state: _quantities(reservations, state) for state in ("HELD", "COMMITTED")}
    found = []
    async for item in databases["inventory"]["items"].find():
        sku = item["_id"]
        counts = {name: item[name] for name in ("adjusted", "available", "reserved", "sold")}
        expected = {
            "adjusted": adjusted[sku],
            "available": adjusted[sku] - quantities["HELD"][sku] - quantities["COMMITTED"][sku],
            "reserved": quantities["HELD"][sku],
            "sold": quantities["COMMITTED"][sku],
        }
        if counts != expected or min(counts.values()) < 0:
            found.append(f"I1: {sku} has {counts}, its reservations and adjustments say {expected}")
    return found


def _quantities(reservations: list[Document], state: str) -> Counter[str]:
    quantities: Counter[str] = Counter()
    for reservation in reservations:
        if reservation["state"] == state:
            quantities.update({line["sku"]: line["quantity"] for line in reservation["lines"]})
    return quantities


def _broken_reservations(reservations: dict[str, Document], orders: list[Document]) -> list[str]:
    found = []
    for order in orders:
        reservation = reservations.get(order["_id"])
        if reservation is None:
            found.append(f"I4: order {order['_id']} has no reservation")
            continue
        if order["status"] == "PROCESSED" and reservation["state"] != "COMMITTED":
            found.append(f"I4: order {order['_id']} is PROCESSED, its reservation {reservation['state']}")
        if order["status"] in {"FAILED", "CANCELLED"} and reservation["state"] in HOLDS_STOCK:
            found.append(f"I4: order {order['_id']} is {order['status']}, its reservation {reservation['state']}")
        if order["items"] != reservation["lines"]:
            found.append(f"I4: order {order['_id']} and its reservation have other lines")
        if [change["status"] for change in order["history"]].count("PROCESSED") > 1:
            found.append(f"I4: order {order['_id']} was processed twice")
    return found


async def _broken_notifications(databases: Databases, orders: list[Document]) -> list[str]:
    told = {row["_id"]: row["state"] async for row in databases["notifier"]["notifications"].find()}
    expected = {f"{order['_id']}:{order['status'].lower()}" for order in orders if order["status"] in TERMINAL}
    untold = [f"I5: {key} is {told.get(key, 'not there')}" for key in sorted(expected) if told.get(key) != "SENT"]
    surplus = [f"I5: {key} belongs to no order that ended so" for key in sorted(told.keys() - expected)]
    return untold + surplus

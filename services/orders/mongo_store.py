"""Orders in MongoDB: one collection, the outbox and the debts inside each order.

Two scalars exist only while there is something to do, and each is the key of a sparse-by-filter index:
``outbox_due_time`` while events wait to be published, ``sweep_due_time`` until the order is settled.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import BulkWriteError, WriteConcernError

from chassis.mongo import Database, Document
from chassis.pages import Page, time_of_key
from services.orders.documents import (
    change_document,
    debts_document,
    event_document,
    event_from,
    order_document,
    order_from,
)
from services.orders.order import TERMINAL, Event, Move, NotificationDebt, Order, StockDebt
from services.orders.store import OUTBOX_LOOKED_AT_MAX, OUTBOX_ORDERS_MAX, Outbox, SweepTimes

_DUPLICATE_KEY = 11000
_SWEEP_FIELDS = ("sweep_due_time", "republish_time", "republish_interval_seconds")
_TERMINAL = sorted(TERMINAL)
_IN_OUTBOX: Document = {"outbox_due_time": {"$gt": datetime.fromtimestamp(0, UTC)}}
"""Bounds are counted in the index; for ``$exists`` MongoDB would read every document."""


class MongoStore:
    """See :class:`services.orders.store.OrderStore`."""

    def __init__(self, database: Database, times: SweepTimes) -> None:
        self._orders = database["orders"]
        self._times = times

    async def create_indexes(self) -> None:
        """Create what the queries need; idempotent."""
        newest_first = [("user_id", ASCENDING), ("create_time", DESCENDING), ("_id", DESCENDING)]
        await self._orders.create_index(newest_first, name="by_user_newest_first")
        for field in ("outbox_due_time", "sweep_due_time"):
            exists = {field: {"$exists": True}}
            await self._orders.create_index([(field, ASCENDING)], name=field, partialFilterExpression=exists)

    async def insert(self, orders: Sequence[Order]) -> list[bool]:
        """See the port."""
        documents = [self._new_document(order) for order in orders]
        try:
            await self._orders.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            failed = {failure["index"]: failure["code"] for failure in error.details["writeErrors"]}
            if error.details["writeConcernErrors"]:
                raise _not_confirmed(error) from error
            if set(failed.values()) != {_DUPLICATE_KEY}:
                raise
            return [index not in failed for index in range(len(orders))]
        return [True] * len(orders)

    async def get(self, order_id: str) -> Order | None:
        """See the port."""
        document = await self._orders.find_one({"_id": order_id})
        return None if document is None else order_from(document)

    async def get_many(self, order_ids: Collection[str]) -> list[Order]:
        """See the port."""
        return [order_from(document) async for document in self._orders.find({"_id": {"$in": list(order_ids)}})]

    async def list_by_user(self, user_id: str, page: Page) -> list[Order]:
        """See the port."""
        where: Document = {"user_id": user_id}
        if page.after:
            milliseconds, order_id = page.after
            time = time_of_key(milliseconds)
            older: list[Document] = [{"create_time": {"$lt": time}}, {"create_time": time, "_id": {"$lt": order_id}}]
            where |= {"create_time": {"$lte": time}, "$or": older}
        newest_first = [("create_time", DESCENDING), ("_id", DESCENDING)]
        cursor = self._orders.find(where).sort(newest_first).limit(page.size + 1)
        return [order_from(document) async for document in cursor]

    async def apply(self, move: Move) -> Order | None:
        """See the port. One update, guarded by the status and the version that the move begins at.

        While a relay publishes what was there before, the new event waits for it: nobody else claims the order.
        """
        where = {"_id": move.order_id, "status": move.status, "version": move.version}
        changed: Document = {"status": move.to.status} | debts_document(move.failure, move.stock, move.notification)
        pushed: Document = {"history": change_document(move.to)}
        update = {"$set": changed, "$push": pushed, "$inc": {"version": 1}}
        if move.event is not None:
            update["$max"] = {"outbox_due_time": move.event.time}
            pushed["pending_events"] = event_document(move.event)
        document = await self._orders.find_one_and_update(where, update, return_document=ReturnDocument.AFTER)
        return None if document is None else order_from(document)

    async def record_released(self, order_id: str) -> None:
        """See the port."""
        where = {"_id": order_id, "stock": StockDebt.TO_RELEASE}
        owes_notification = {"$eq": ["$notification", NotificationDebt.TO_SEND]}
        await self._orders.update_one(where, _pay("stock", StockDebt.RELEASED, still_owes=owes_notification))

    async def record_notified(self, order_id: str) -> Order | None:
        """See the port."""
        where = {"_id": order_id, "status": {"$in": _TERMINAL}}
        owes_stock = {"$eq": ["$stock", StockDebt.TO_RELEASE]}
        update = _pay("notification", NotificationDebt.DONE, still_owes=owes_stock)
        document = await self._orders.find_one_and_update(where, update, return_document=ReturnDocument.AFTER)
        return None if document is None else order_from(document)

    async def claim_events(self, now: datetime, lease: timedelta, orders_max: int) -> list[Event]:
        """See the port. A claim is a mark of its own, so two relays never both see theirs."""
        due = {"outbox_due_time": {"$lte": now}}
        cursor = self._orders.find(due, {"_id": 1}).sort("outbox_due_time", ASCENDING).limit(orders_max)
        ids = [document["_id"] async for document in cursor]
        if not ids:
            return []
        claim = uuid4().hex
        marked = {"$set": {"outbox_due_time": now + lease, "outbox_claim": claim}}
        await self._orders.update_many({"_id": {"$in": ids}} | due, marked)
        claimed = self._orders.find({"_id": {"$in": ids}, "outbox_claim": claim}, {"pending_events": 1})
        return [event_from(doc["_id"], event) async for doc in claimed for event in doc["pending_events"]]

    async def record_published(self, order_id: str, event_ids: Collection[str]) -> None:
        """See the port. What was appended meanwhile stays, and is due since then."""
        published = {"$in": ["$$event.event_id", list(event_ids)]}
        left = {"$filter": {"input": "$pending_events", "as": "event", "cond": {"$not": [published]}}}
        nothing_left = {"$eq": [{"$size": "$pending_events"}, 0]}
        due = {"$cond": [nothing_left, "$$REMOVE", {"$min": "$pending_events.time"}]}
        claim = {"$cond": [nothing_left, "$$REMOVE", "$outbox_claim"]}
        update: list[Document] = [
            {"$set": {"pending_events": left}},
            {"$set": {"outbox_due_time": due, "outbox_claim": claim}},
        ]
        await self._orders.update_one({"_id": order_id}, update)

    async def outbox(self) -> Outbox:
        """See the port. Nearly always it is empty, and both queries find that out in the index."""
        count = await self._orders.count_documents(_IN_OUTBOX, limit=OUTBOX_ORDERS_MAX)
        next_first = self._orders.find(_IN_OUTBOX, {"pending_events.time": 1}).sort("outbox_due_time", ASCENDING)
        waiting = [document["pending_events"] async for document in next_first.limit(OUTBOX_LOOKED_AT_MAX)]
        return Outbox(count, min((event["time"] for events in waiting for event in events), default=None))

    async def overdue(self, now: datetime, orders_max: int) -> list[Order]:
        """See the port."""
        where = {"sweep_due_time": {"$lte": now}}
        cursor = self._orders.find(where).sort("sweep_due_time", ASCENDING).limit(orders_max)
        return [order_from(document) async for document in cursor]

    async def claim_overdue(self, order: Order, now: datetime, *, publish: bool) -> bool:
        """See the port. Like a move it is guarded by the version; what is pending already is not added."""
        where = {"_id": order.order_id, "version": order.version, "sweep_due_time": {"$lte": now}}
        times, interval = self._times, "$republish_interval_seconds"
        is_due = {"$and": [publish, {"$lte": ["$republish_time", now]}]}
        adds_event = {"$and": [is_due, {"$eq": [{"$size": "$pending_events"}, 0]}]}
        next_time = {"$cond": [is_due, {"$add": [now, {"$multiply": [interval, 1000]}]}, "$republish_time"]}
        doubled = {"$min": [{"$multiply": [interval, 2]}, times.last_interval.total_seconds()]}
        changed = {
            "republish_time": next_time,
            "republish_interval_seconds": {"$cond": [is_due, doubled, interval]},
            "outbox_due_time": {"$cond": [adds_event, now, "$outbox_due_time"]},
            "pending_events": {"$cond": [adds_event, [event_document(order.event(now))], "$pending_events"]},
            "sweep_due_time": now + times.look_again,
        }
        return (await self._orders.update_one(where, [{"$set": changed}])).modified_count == 1

    async def put_off(self, order_id: str, now: datetime) -> None:
        """See the port. An order that was settled meanwhile is not looked at any more."""
        renew_time = now + self._times.renew
        is_withheld = {"$lte": ["$republish_time", now]}
        next_look = {"$cond": [is_withheld, renew_time, {"$min": ["$republish_time", renew_time]}]}
        where = {"_id": order_id, "sweep_due_time": {"$exists": True}}
        await self._orders.update_one(where, [{"$set": {"sweep_due_time": next_look}}])

    def _new_document(self, order: Order) -> Document:
        return order_document(order) | {
            "outbox_due_time": order.create_time,
            "sweep_due_time": order.create_time + self._times.first_look,
            "republish_time": order.create_time + self._times.age,
            "republish_interval_seconds": self._times.first_interval.total_seconds(),
        }


def _not_confirmed(error: BulkWriteError) -> WriteConcernError:
    """What a single write would have raised: it may be done, and may yet be undone."""
    first = error.details["writeConcernErrors"][0]
    return WriteConcernError(first["errmsg"], first["code"])


def _pay(debt: str, paid: str, *, still_owes: Document) -> list[dict[str, Any]]:
    """Pay one of an order's debts; when it owes nothing any more, the sweep need not look at it again."""
    kept = {field: {"$cond": [still_owes, f"${field}", "$$REMOVE"]} for field in _SWEEP_FIELDS}
    return [{"$set": {debt: paid}}, {"$set": kept}]

"""Inventory in MongoDB: ``items``, ``reservations`` and ``adjustments``.

A group of decisions is one transaction: read its rows, decide, write what changed. Two replicas that
decide about the same item conflict, and MongoDB makes one of them read again.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pymongo import ASCENDING, InsertOne, ReadPreference, ReturnDocument, UpdateOne, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

from chassis.mongo import Database, Document
from chassis.pages import Page
from services.inventory.decisions import Adjust, Decision, Outcome, Shelves, skus_of, take
from services.inventory.errors import ItemExists, ItemNotFound
from services.inventory.item import Adjustment, Item, Money
from services.inventory.reservation import Reservation, ReservedLine, State

T = TypeVar("T")

NAMESPACE_EXISTS = 48
"""The code of MongoDB's error when a collection is created that is there already."""

_COUNTS = ("available", "reserved", "sold", "adjusted", "version")


class MongoStore:
    """See :class:`services.inventory.store.InventoryStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._items = database["items"]
        self._reservations = database["reservations"]
        self._adjustments = database["adjustments"]

    async def create_indexes(self) -> None:
        """Create the collections and what the queries need; idempotent.

        Collections that a transaction creates conflict with every other transaction that does.
        """
        known = await self._database.list_collection_names()
        for name in {"items", "adjustments", "reservations"}.difference(known):
            try:
                await self._database.create_collection(name, check_exists=False)
            except OperationFailure as error:
                another_replica_was_quicker = error.code == NAMESPACE_EXISTS
                if not another_replica_was_quicker:
                    raise
        await self._reservations.create_index(
            [("expire_time", ASCENDING)], name="held_by_expire_time", partialFilterExpression={"state": State.HELD}
        )

    async def decide(self, decisions: Sequence[Decision]) -> list[Outcome]:
        """See the port. One transaction: two reads, at most three writes, one commit."""

        async def body(session: AsyncClientSession) -> list[Outcome]:
            return await self._decide_in(session, decisions)

        return await self._transaction(body)

    async def create_item(self, item: Item, initial: Adjustment) -> None:
        """See the port."""

        async def body(session: AsyncClientSession) -> None:
            await self._items.insert_one(_item_document(item), session=session)
            await self._adjustments.insert_one(_adjustment_document(initial), session=session)

        try:
            await self._transaction(body)
        except DuplicateKeyError as error:
            raise ItemExists(item.sku) from error

    async def update_item(self, sku: str, name: str | None, unit_price: Money | None) -> Item:
        """See the port."""
        changed: Document = {}
        if name is not None:
            changed["name"] = name
        if unit_price is not None:
            changed["unit_price"] = _money_document(unit_price)
        update: Document = {"$inc": {"version": 1}} | ({"$set": changed} if changed else {})
        document = await self._items.find_one_and_update({"_id": sku}, update, return_document=ReturnDocument.AFTER)
        if document is None:
            raise ItemNotFound(sku)
        return _item(document)

    async def get_item(self, sku: str) -> Item | None:
        """See the port."""
        document = await self._items.find_one({"_id": sku})
        return None if document is None else _item(document)

    async def list_items(self, page: Page) -> list[Item]:
        """See the port."""
        where = {"_id": {"$gt": page.after[0]}} if page.after else {}
        cursor = self._items.find(where).sort("_id", ASCENDING).limit(page.size + 1)
        return [_item(document) async for document in cursor]

    async def get_reservation(self, order_id: str) -> Reservation | None:
        """See the port."""
        document = await self._reservations.find_one({"_id": order_id})
        return None if document is None else _reservation(document)

    async def overdue_holds(self, now: datetime, count_max: int) -> list[str]:
        """See the port."""
        where = {"state": State.HELD, "expire_time": {"$lte": now}}
        cursor = self._reservations.find(where, {"_id": 1}).sort("expire_time", ASCENDING).limit(count_max)
        return [document["_id"] async for document in cursor]

    async def _transaction(self, body: Callable[[AsyncClientSession], Coroutine[Any, Any, T]]) -> T:
        """Run ``body`` in a transaction; again when it conflicted, and the commit when its end is unknown."""
        async with self._database.client.start_session() as session:
            return await session.with_transaction(
                body,
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern("majority"),
                read_preference=ReadPreference.PRIMARY,
            )

    async def _decide_in(self, session: AsyncClientSession, decisions: Sequence[Decision]) -> list[Outcome]:
        before = await self._load(session, decisions)
        after = Shelves(dict(before.items), dict(before.reservations), dict(before.adjustments))
        outcomes = take(decisions, after)
        await self._save(session, before, after)
        return outcomes

    async def _load(self, session: AsyncClientSession, decisions: Sequence[Decision]) -> Shelves:
        order_ids = sorted({d.order_id for d in decisions if not isinstance(d, Adjust)})
        keys = [_adjustment_key(d.adjustment) for d in decisions if isinstance(d, Adjust)]
        shelves = Shelves()
        if order_ids:
            async for document in self._reservations.find({"_id": {"$in": order_ids}}, session=session):
                shelves.reservations[document["_id"]] = _reservation(document)
        if keys:
            async for document in self._adjustments.find({"_id": {"$in": keys}}, session=session):
                adjustment = _adjustment(document)
                shelves.adjustments[adjustment.sku, adjustment.request_id] = adjustment
        skus = skus_of(decisions, shelves.reservations.values())
        async for document in self._items.find({"_id": {"$in": skus}}, session=session):
            shelves.items[document["_id"]] = _item(document)
        return shelves

    async def _save(self, session: AsyncClientSession, before: Shelves, after: Shelves) -> None:
        items = _item_updates(before, after)
        if items:
            await self._items.bulk_write(items, session=session)
        reservations = list(_reservation_writes(before, after))
        if reservations:
            await self._reservations.bulk_write(reservations, session=session)
        adjustments = [
            _adjustment_document(adjustment)
            for key, adjustment in after.adjustments.items()
            if key not in before.adjustments
        ]
        if adjustments:
            await self._adjustments.insert_many(adjustments, session=session)


def _item_updates(before: Shelves, after: Shelves) -> list[UpdateOne]:
    """What changed, in the order of the skus: two replicas lock the same items in the same order."""
    return [
        UpdateOne({"_id": sku}, {"$inc": _differences(before.items[sku], after.items[sku])})
        for sku in sorted(after.items)
        if after.items[sku] != before.items[sku]
    ]


def _differences(before: Item, after: Item) -> dict[str, int]:
    differences = {name: getattr(after, name) - getattr(before, name) for name in _COUNTS}
    return {name: difference for name, difference in differences.items() if difference}


def _reservation_writes(before: Shelves, after: Shelves) -> Iterable[InsertOne[Document] | UpdateOne]:
    for order_id, reservation in after.reservations.items():
        known = before.reservations.get(order_id)
        if known is None:
            yield InsertOne(_reservation_document(reservation))
        elif known != reservation:
            changed = {"state": reservation.state, "expire_time": reservation.expire_time}
            yield UpdateOne({"_id": order_id}, {"$set": changed})


def _money_document(money: Money) -> Document:
    return {"currency_code": money.currency_code, "minor_units": money.minor_units}


def _money(document: Document) -> Money:
    return Money(document["currency_code"], document["minor_units"])


def _item_document(item: Item) -> Document:
    counts = {name: getattr(item, name) for name in _COUNTS}
    return {
        "_id": item.sku,
        "name": item.name,
        "unit_price": _money_document(item.unit_price),
        **counts,
    }


def _item(document: Document) -> Item:
    return Item(
        sku=document["_id"],
        name=document["name"],
        unit_price=_money(document["unit_price"]),
        available=document["available"],
        reserved=document["reserved"],
        sold=document["sold"],
        adjusted=document["adjusted"],
        version=document["version"],
    )


def _reservation_document(reservation: Reservation) -> Document:
    return {
        "_id": reservation.order_id,
        "fingerprint": reservation.fingerprint,
        "lines": [
            {
                "sku": line.sku,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": _money_document(line.unit_price),
            }
            for line in reservation.lines
        ],
        "state": reservation.state,
        "expire_time": reservation.expire_time,
    }


def _reservation(document: Document) -> Reservation:
    lines = tuple(
        ReservedLine(line["sku"], line["name"], line["quantity"], _money(line["unit_price"]))
        for line in document["lines"]
    )
    return Reservation(
        order_id=document["_id"],
        fingerprint=document["fingerprint"],
        lines=lines,
        state=State(document["state"]),
        expire_time=document["expire_time"],
    )


def _adjustment_key(adjustment: Adjustment) -> Document:
    return {"sku": adjustment.sku, "request_id": adjustment.request_id}


def _adjustment_document(adjustment: Adjustment) -> Document:
    return {
        "_id": _adjustment_key(adjustment),
        "delta": adjustment.delta,
        "reason": adjustment.reason,
        "actor": adjustment.actor,
    }


def _adjustment(document: Document) -> Adjustment:
    key = document["_id"]
    return Adjustment(key["sku"], key["request_id"], document["delta"], document["reason"], document["actor"])

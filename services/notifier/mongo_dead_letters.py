"""Dead letters in MongoDB.

``dead_letters {_id: SQS's id of the message, state, body, body_bytes, attributes [{name, value}], reason,
description, attempts, create_time, lease_owner, lease_expire_time, redrive_time, redrive_message_id,
expire_time}``. Of a DELETED one only ``_id``, ``state`` and ``expire_time`` are left. The body is there as it
came, addresses and all, should somebody have sent some.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from chassis.mongo import Database, Document
from services.notifier.dead_letter import (
    ATTRIBUTE_SHOWN_LENGTH_MAX,
    BODY_SHOWN_LENGTH_MAX,
    DEAD_KEPT,
    DELETED_KEPT,
    REDRIVEN_KEPT,
    DeadLetter,
    RedriveLease,
    State,
)
from services.notifier.dead_letter_store import LetterPosition
from services.notifier.mongo_store import answering

NEWEST_FIRST = [("create_time", DESCENDING), ("_id", DESCENDING)]
OLDEST_FIRST = [("create_time", ASCENDING), ("_id", ASCENDING)]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""A DELETED one has no time at all, so a list of times from here on passes it over within the index."""

SHOWN = {
    "body": {"$substrCP": ["$body", 0, BODY_SHOWN_LENGTH_MAX]},
    "attributes": {
        "$map": {
            "input": "$attributes",
            "in": {
                "name": "$$this.name",
                "value": {"$substrCP": ["$$this.value", 0, ATTRIBUTE_SHOWN_LENGTH_MAX]},
            },
        }
    },
    **dict.fromkeys(("state", "body_bytes", "reason", "description", "attempts"), 1),
    **dict.fromkeys(("create_time", "redrive_time", "redrive_message_id"), 1),
}


class MongoDeadLetters:
    """See :class:`services.notifier.dead_letter_store.DeadLetterStore`."""

    def __init__(self, database: Database) -> None:
        self._rows = database["dead_letters"]

    async def create_indexes(self) -> None:
        """Create what the queries need, and what removes old rows; idempotent."""
        await self._rows.create_index(NEWEST_FIRST, name="newest_first")
        await self._rows.create_index([("state", ASCENDING), *NEWEST_FIRST], name="of_state_newest_first")
        await self._rows.create_index([("expire_time", ASCENDING)], name="expiry", expireAfterSeconds=0)

    async def insert(self, letter: DeadLetter) -> bool:
        """See the port."""
        with answering():
            try:
                await self._rows.insert_one(_document(letter))
            except DuplicateKeyError:
                return False
        return True

    async def claim(self, lease: RedriveLease, now: datetime) -> DeadLetter | None:
        """See the port."""
        abandoned = {"state": State.REDRIVING, "lease_expire_time": {"$lte": now}}
        taken = {"state": State.REDRIVING, "lease_owner": lease.owner, "lease_expire_time": lease.expire_time}
        with answering():
            row = await self._rows.find_one_and_update(
                {"_id": lease.message_id, "$or": [{"state": State.DEAD}, abandoned]},
                {"$set": taken},
                return_document=ReturnDocument.AFTER,
            )
        return None if row is None else _letter(row)

    async def state_of(self, message_id: str) -> State | None:
        """See the port."""
        with answering():
            row = await self._rows.find_one({"_id": message_id}, {"state": 1})
        state = None if row is None else State(row["state"])
        return None if state is State.DELETED else state

    async def mark_redriven(self, lease: RedriveLease, redrive_message_id: str, now: datetime) -> bool:
        """See the port. The owner alone guards it: who claims later has another."""
        changes = {"redrive_time": now, "redrive_message_id": redrive_message_id, "expire_time": now + REDRIVEN_KEPT}
        with answering():
            result = await self._rows.update_one(
                {"_id": lease.message_id, "lease_owner": lease.owner}, {"$set": {"state": State.REDRIVEN, **changes}}
            )
        return result.matched_count == 1

    async def release(self, lease: RedriveLease) -> None:
        """See the port."""
        with answering():
            await self._rows.update_one(
                {"_id": lease.message_id, "lease_owner": lease.owner, "state": State.REDRIVING},
                {"$set": {"state": State.DEAD}, "$unset": {"lease_owner": "", "lease_expire_time": ""}},
            )

    async def delete(self, message_id: str, now: datetime) -> bool:
        """See the port."""
        remembered = {"_id": "$_id", "state": State.DELETED, "expire_time": now + DELETED_KEPT}
        with answering():
            result = await self._rows.update_one(
                {"_id": message_id, "state": {"$in": [State.DEAD, State.REDRIVEN]}}, [{"$replaceWith": remembered}]
            )
        return result.matched_count == 1

    async def list_page(self, state: State | None, size: int, after: LetterPosition | None) -> Sequence[DeadLetter]:
        """See the port."""
        query: Document = {"state": state} if state else {}
        query["create_time"] = {"$gte": EPOCH}
        if after is not None:
            # The first clause bounds the index; the second cuts off the rows of the same millisecond.
            query["create_time"]["$lte"] = after.create_time
            query["$or"] = [{"create_time": {"$lt": after.create_time}}, {"_id": {"$lt": after.message_id}}]
        with answering():
            return [_letter(row) async for row in self._rows.find(query, SHOWN).sort(NEWEST_FIRST).limit(size)]

    async def dead_ids(self, count_max: int) -> Sequence[str]:
        """See the port."""
        with answering():
            found = self._rows.find({"state": State.DEAD}, {"_id": 1}).sort(OLDEST_FIRST).limit(count_max)
            return [row["_id"] async for row in found]

    async def abandoned_ids(self, now: datetime, count_max: int) -> Sequence[str]:
        """See the port. There are never more REDRIVING ones than a few calls send at a time."""
        query = {"state": State.REDRIVING, "lease_expire_time": {"$lte": now}}
        with answering():
            return [row["_id"] async for row in self._rows.find(query, {"_id": 1}).limit(count_max)]

    async def count_dead(self, count_max: int) -> int:
        """See the port."""
        with answering():
            return await self._rows.count_documents({"state": State.DEAD}, limit=count_max)


def _document(letter: DeadLetter) -> Document:
    """Attributes are a list: their names may have dots, which mean something else in MongoDB."""
    return {
        "_id": letter.message_id,
        "state": letter.state,
        "body": letter.body,
        "body_bytes": letter.body_bytes,
        "attributes": [{"name": name, "value": value} for name, value in letter.attributes.items()],
        "reason": letter.reason,
        "description": letter.description,
        "attempts": letter.attempts,
        "create_time": letter.create_time,
        "expire_time": letter.create_time + DEAD_KEPT,
    }


def _letter(row: Document) -> DeadLetter:
    return DeadLetter(
        message_id=row["_id"],
        body=row["body"],
        body_bytes=row["body_bytes"],
        reason=row["reason"],
        description=row["description"],
        attempts=row["attempts"],
        create_time=row["create_time"],
        attributes={attribute["name"]: attribute["value"] for attribute in row["attributes"]},
        state=State(row["state"]),
        redrive_time=row.get("redrive_time"),
        redrive_message_id=row.get("redrive_message_id", ""),
    )

"""Notifications in MongoDB.

``notifications {_id: "<order_id>:<kind>", order_id, kind, state, attempts, lease_owner, lease_expire_time,
message_id, failure_reason, last_error, attempt_not_taken, create_time, send_time}``. No address is in it: orders has
that. ``last_error`` is there while the row is SENDING and something went wrong; it is for operators.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from chassis.mongo import MONGO_DOWN, Database, Document
from services.notifier.errors import Dependency, DependencyDown
from services.notifier.notification import (
    FAILURE_REASON_LENGTH_MAX,
    LAST_ERROR_LENGTH_MAX,
    Kind,
    Lease,
    Notification,
    State,
)
from services.notifier.store import Claim, Position

NO_ROW = "probe"
"""The id of no notification: those have a colon."""


class MongoStore:
    """See :class:`services.notifier.store.NotificationStore`."""

    def __init__(self, database: Database) -> None:
        self._rows = database["notifications"]

    async def create_indexes(self) -> None:
        """Create what the queries need; idempotent."""
        newest_first = [("create_time", DESCENDING), ("_id", DESCENDING)]
        await self._rows.create_index(newest_first, name="newest_first")
        await self._rows.create_index([("order_id", ASCENDING), *newest_first], name="of_order_newest_first")

    async def claim(self, lease: Lease, now: datetime) -> Claim:
        """See the port. One write: an upsert that a lasting lease or a final state turns into a duplicate."""
        with answering():
            try:
                row = await self._rows.find_one_and_update(
                    {"_id": lease.notification_id, "state": State.SENDING, "lease_expire_time": {"$lte": now}},
                    {
                        "$set": {"lease_owner": lease.owner, "lease_expire_time": lease.expire_time},
                        "$inc": {"attempts": 1},
                        "$setOnInsert": {"order_id": lease.order_id, "kind": lease.kind, "create_time": now},
                    },
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:
                taken = await self._rows.find_one({"_id": lease.notification_id})
                assert taken is not None, "a notification is never deleted"
                return Claim(granted=False, notification=_notification(taken))
            assert row is not None, "an upsert answers its row"
            return Claim(granted=True, notification=_notification(row))

    async def release(self, lease: Lease, now: datetime, error: str) -> None:
        """See the port."""
        changes = {
            "lease_expire_time": now,
            "last_error": {"$literal": error[:LAST_ERROR_LENGTH_MAX]},
            "attempt_not_taken": "$attempts",
        }
        await self._change_unsent(lease, [{"$set": changes}])

    async def note_error(self, lease: Lease, error: str) -> None:
        """See the port."""
        await self._change_unsent(lease, {"$set": {"last_error": error[:LAST_ERROR_LENGTH_MAX]}})

    async def mark_sent(self, lease: Lease, message_id: str, now: datetime) -> bool:
        """See the port."""
        return await self._mark(lease, {"state": State.SENT, "message_id": message_id, "send_time": now})

    async def mark_failed(self, lease: Lease, reason: str) -> bool:
        """See the port."""
        return await self._mark(
            lease, {"state": State.FAILED_PERMANENTLY, "failure_reason": reason[:FAILURE_REASON_LENGTH_MAX]}
        )

    async def list_page(self, order_id: str, size: int, after: Position | None) -> Sequence[Notification]:
        """See the port."""
        query: Document = {"order_id": order_id} if order_id else {}
        if after is not None:
            # The first clause bounds the index; the second cuts off the rows of the same millisecond.
            query["create_time"] = {"$lte": after.create_time}
            query["$or"] = [
                {"create_time": {"$lt": after.create_time}},
                {"_id": {"$lt": after.notification_id}},
            ]
        with answering():
            cursor = self._rows.find(query).sort([("create_time", DESCENDING), ("_id", DESCENDING)]).limit(size)
            return [_notification(row) async for row in cursor]

    async def probe(self) -> None:
        """See the port. It changes nothing, and needs the same rights and the same majority as a change."""
        with answering():
            await self._rows.update_one({"_id": NO_ROW}, {"$set": {"state": State.SENDING}})

    async def _change_unsent(self, lease: Lease, update: Document | list[Document]) -> None:
        with answering():
            await self._rows.update_one(
                {"_id": lease.notification_id, "lease_owner": lease.owner, "state": State.SENDING}, update
            )

    async def _mark(self, lease: Lease, changes: Document) -> bool:
        """The owner alone guards it: who claims later has another, and after a mark nobody can claim."""
        with answering():
            result = await self._rows.update_one(
                {"_id": lease.notification_id, "lease_owner": lease.owner},
                {"$set": changes, "$unset": {"last_error": ""}},
            )
        return result.matched_count == 1


@contextmanager
def answering() -> Iterator[None]:
    """Around what MongoDB is asked: that it does not answer, or refuses, is an outage of ours.

    Whatever it refuses, it refuses for every message: rows are of one form and of bounded size, so that none of them
    is the reason. Users without rights, quotas and elections look like that.
    """
    try:
        yield
    except MONGO_DOWN as error:
        raise DependencyDown(Dependency.DATABASE, f"does not answer ({type(error).__name__})") from error
    except PyMongoError as error:
        code = getattr(error, "code", None)
        raise DependencyDown(Dependency.DATABASE, f"refuses ({type(error).__name__}, code {code})") from error


def _notification(row: Document) -> Notification:
    return Notification(
        order_id=row["order_id"],
        kind=Kind(row["kind"]),
        state=State(row["state"]),
        attempts=row["attempts"],
        create_time=row["create_time"],
        lease_expire_time=row["lease_expire_time"],
        send_time=row.get("send_time"),
        message_id=row.get("message_id", ""),
        failure_reason=row.get("failure_reason", ""),
        last_error=row.get("last_error", ""),
        attempt_not_taken=row.get("attempt_not_taken", 0),
    )

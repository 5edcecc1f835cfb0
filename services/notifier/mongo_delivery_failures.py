"""Delivery failures in MongoDB.

``delivery_failures {_id: SQS's id of the message, reason, description, attempts, expire_time}``
"""

from typing import NamedTuple

from pymongo import ASCENDING, UpdateOne

from chassis.clock import Clock
from chassis.mongo import Database
from services.notifier.batches import Batches
from services.notifier.delivery_failure import FAILURES_KEPT, DeliveryFailure
from services.notifier.mongo_store import answering

RECORDS_AT_ONCE_MAX = 32
"""As many as a worker has messages in flight."""


class _Record(NamedTuple):
    message_id: str
    reason: str
    description: str


class MongoDeliveryFailures:
    """See :class:`services.notifier.delivery_failure.DeliveryFailures`.

    Failures that are recorded at the same time share a write: a burst of poison takes little from the others.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._rows = database["delivery_failures"]
        self._clock = clock
        self._records = Batches(self._write, RECORDS_AT_ONCE_MAX)

    async def create_indexes(self) -> None:
        """Create what removes old rows; idempotent."""
        await self._rows.create_index([("expire_time", ASCENDING)], name="expiry", expireAfterSeconds=0)

    async def record(self, message_id: str, reason: str, description: str) -> None:
        """See the port."""
        await self._records.add(_Record(message_id, reason, description))

    async def find(self, message_id: str) -> DeliveryFailure | None:
        """See the port."""
        with answering():
            row = await self._rows.find_one({"_id": message_id})
        return None if row is None else DeliveryFailure(row["reason"], row["description"], row["attempts"])

    async def forget(self, message_id: str) -> None:
        """See the port."""
        with answering():
            await self._rows.delete_one({"_id": message_id})

    async def _write(self, records: list[_Record]) -> None:
        expire_time = self._clock.now() + FAILURES_KEPT
        updates = [
            UpdateOne(
                {"_id": record.message_id},
                {
                    "$set": {"reason": record.reason, "description": record.description, "expire_time": expire_time},
                    "$inc": {"attempts": 1},
                },
                upsert=True,
            )
            for record in records
        ]
        with answering():
            await self._rows.bulk_write(updates)

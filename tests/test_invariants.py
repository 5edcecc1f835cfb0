"""The audit itself: it finds nothing in data that is right, and each thing that is wrong."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bench.invariants import Databases, broken, open_databases, unsettled

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
LINES = [{"sku": "LAMP", "quantity": 2}]
SERVICES = ("inventory", "orders", "notifier")


@pytest.fixture
async def databases(mongo_uri: str) -> AsyncIterator[Databases]:
    """The data that one processed order leaves behind."""
    async with open_databases(mongo_uri) as databases:
        item = {"_id": "LAMP", "available": 8, "reserved": 0, "sold": 2, "adjusted": 10}
        order = {"_id": "o-1", "status": "PROCESSED", "items": LINES, "pending_events": [], "history": []}
        await databases["inventory"]["items"].insert_one(item)
        await databases["inventory"]["adjustments"].insert_one({"_id": {"sku": "LAMP", "request_id": ""}, "delta": 10})
        await databases["inventory"]["reservations"].insert_one({"_id": "o-1", "state": "COMMITTED", "lines": LINES})
        await databases["orders"]["orders"].insert_one(order)
        await databases["notifier"]["notifications"].insert_one({"_id": "o-1:processed", "state": "SENT"})
        yield databases
        for service in SERVICES:
            await databases.drop_database(service)


async def test_nothing_is_wrong_with_data_that_is_right(databases: Databases) -> None:
    assert await broken(databases) == []
    assert await unsettled(databases) == []


@pytest.mark.parametrize(
    ("service", "collection", "change", "invariant"),
    [
        ("inventory", "items", {"available": 9}, "I1"),
        ("inventory", "items", {"sold": 1}, "I1"),
        ("inventory", "items", {"adjusted": 11, "available": 9}, "I1"),
        ("inventory", "reservations", {"state": "HELD"}, "I4"),
        ("inventory", "reservations", {"lines": [{"sku": "LAMP", "quantity": 3}]}, "I4"),
        ("orders", "orders", {"status": "CANCELLED"}, "I4"),
        ("orders", "orders", {"history": [{"status": "PROCESSED"}, {"status": "PROCESSED"}]}, "I4"),
        ("notifier", "notifications", {"state": "SENDING"}, "I5"),
    ],
)
async def test_what_is_wrong_is_found(
    databases: Databases, service: str, collection: str, change: dict[str, Any], invariant: str
) -> None:
    await databases[service][collection].update_one({}, {"$set": change})

    assert any(finding.startswith(invariant) for finding in await broken(databases))


@pytest.mark.parametrize("change", [{"status": "PENDING"}, {"sweep_due_time": NOON}, {"outbox_due_time": NOON}])
async def test_what_is_not_settled_is_found(databases: Databases, change: dict[str, Any]) -> None:
    await databases["orders"]["orders"].update_one({}, {"$set": change})

    assert len(await unsettled(databases)) == 1

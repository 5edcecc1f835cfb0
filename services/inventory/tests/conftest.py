"""What inventory's tests share."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.background import running
from chassis.mongo import Database
from chassis.testing import ManualClock
from services.inventory.memory_store import MemoryStore
from services.inventory.mongo_store import MongoStore
from services.inventory.store import InventoryStore
from services.inventory.writer import Writer


@pytest.fixture
async def mongo_store(database: Database) -> MongoStore:
    """Inventory in a real MongoDB."""
    store = MongoStore(database)
    await store.create_indexes()
    return store


@pytest.fixture(params=["memory", "mongo"])
def store(request: pytest.FixtureRequest) -> InventoryStore:
    """Every store that there is: one suite holds them to the same behaviour."""
    if request.param == "memory":
        return MemoryStore()
    mongo_store: MongoStore = request.getfixturevalue("mongo_store")
    return mongo_store


@pytest.fixture
async def writer(store: InventoryStore) -> AsyncIterator[Writer]:
    """The one writer, running."""
    writer = Writer(store)
    async with running(asyncio.create_task(writer.run())):
        yield writer


@pytest.fixture
def clock() -> ManualClock:
    """A clock that a test moves."""
    return ManualClock()

"""What inventory's tests share."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from chassis.background import running
from chassis.mongo import Database
from chassis.testing import ManualClock, served
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from services.inventory.app import build_inventory
from services.inventory.memory_store import MemoryStore
from services.inventory.mongo_store import MongoStore
from services.inventory.store import InventoryStore
from services.inventory.tests.calls import issuer
from services.inventory.writer import Writer

if TYPE_CHECKING:
    from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceAsyncStub


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


@pytest.fixture
async def stub(store: InventoryStore, writer: Writer, clock: ManualClock) -> AsyncIterator["InventoryServiceAsyncStub"]:
    """The service behind a real server."""
    async with served(build_inventory(store, writer, clock, 900), issuer=issuer) as channel:
        yield InventoryServiceStub(channel)

"""One database for all services, emptied for each run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from bench.audit import Databases, broken, open_databases
from chassis.clock import SystemClock
from chassis.mongo import Database, MongoConfig, open_database
from chassis.testing import ManualClock
from services.inventory.mongo_store import MongoStore as MongoInventory
from services.notifier.mongo_dead_letters import MongoDeadLetters
from services.notifier.mongo_delivery_failures import MongoDeliveryFailures
from services.notifier.mongo_store import MongoStore as MongoNotifications
from services.orders.mongo_store import MongoStore as MongoOrders
from tests.faults.in_process.outside import Outside
from tests.faults.in_process.times import SWEEP_TIMES


@dataclass
class SharedDatabase:
    """What all services keep, in a real MongoDB. The collections of two services never have one name."""

    database: Database
    audited: Databases

    async def create_indexes(self) -> None:
        """As each service does at its start."""
        for store in self._stores(ManualClock()):
            await store.create_indexes()

    async def emptied(self) -> Outside:
        """The world of a new run."""
        for name in await self.database.list_collection_names():
            await self.database[name].delete_many({})
        clock = ManualClock(SystemClock().now())
        return Outside(clock, *self._stores(clock))

    async def findings(self) -> list[str]:
        """What the audit of a running mesh says."""
        return await broken(self.audited)

    def _stores(
        self, clock: ManualClock
    ) -> tuple[MongoInventory, MongoOrders, MongoNotifications, MongoDeliveryFailures, MongoDeadLetters]:
        return (
            MongoInventory(self.database),
            MongoOrders(self.database, SWEEP_TIMES),
            MongoNotifications(self.database),
            MongoDeliveryFailures(self.database, clock),
            MongoDeadLetters(self.database),
        )


@asynccontextmanager
async def shared_database(mongo_uri: str) -> AsyncIterator[SharedDatabase]:
    """A database of its own, dropped at the end."""
    name = f"crashes_{uuid4().hex}"
    async with (
        open_database(MongoConfig(mongo_uri, name)) as database,
        open_databases(mongo_uri.replace("/?", f"/{name}?")) as audited,
    ):
        shared = SharedDatabase(database, audited)
        await shared.create_indexes()
        yield shared
        await database.client.drop_database(name)

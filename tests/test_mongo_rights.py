"""A service needs ``readWrite`` on its own database, and nothing else in MongoDB."""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from chassis.clock import SystemClock
from chassis.mongo import Database, Document, MongoConfig, open_database, require_replica_set
from deploy.local.mongod import REPLICA_SET, mongod_process
from deploy.local.ports import HOST, free_ports
from deploy.local.settings import SERVICES
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from services.auth.mongo_store import MongoStore as AuthStore
from services.auth.user import Role, User
from services.inventory.item import Adjustment, Item, Money
from services.inventory.mongo_store import MongoStore as InventoryStore
from services.notifier.mongo_dead_letters import MongoDeadLetters
from services.notifier.mongo_delivery_failures import MongoDeliveryFailures
from services.notifier.mongo_store import MongoStore as NotifierStore
from services.notifier.notification import Kind, Lease
from services.orders.mongo_store import MongoStore as OrdersStore
from services.orders.store import SweepTimes

PASSWORD = "of-every-service"
UNAUTHORIZED = 13
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
async def mongo_port(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """A MongoDB that asks for passwords, with a user for each service."""
    state = StateDirectory(tmp_path_factory.mktemp("mongo-rights"))
    key_file = state.data("key") / "file"
    key_file.write_text(secrets.token_hex(32))
    key_file.chmod(0o600)
    port = free_ports(["mongod"])["mongod"]
    process = mongod_process(os.environ, state, port)
    with_passwords = (*process.command, "--auth", "--keyFile", str(key_file))
    async with Supervisor(state, print) as supervisor:
        await supervisor.start(replace(process, command=with_passwords, prepare=lambda: _add_users(port)))
        yield port
    shutil.rmtree(state.data("mongo"))


async def _add_users(port: int) -> None:
    """The first one by the exception that MongoDB makes for this machine while there is none."""
    root = {"user": "root", "pwd": PASSWORD, "roles": ["root"]}
    async with AsyncMongoClient[Document](HOST, port, directConnection=True) as client:
        await client.admin.command({"createUser": root.pop("user"), **root})
    async with AsyncMongoClient[Document](HOST, port, username="root", password=PASSWORD) as client:
        for service in SERVICES:
            rights = {"pwd": PASSWORD, "roles": [{"role": "readWrite", "db": service}]}
            await client[service].command({"createUser": service, **rights})


@pytest.fixture
def config(mongo_port: int, service: str) -> MongoConfig:
    uri = f"mongodb://{service}:{PASSWORD}@{HOST}:{mongo_port}/?replicaSet={REPLICA_SET}&authSource={service}"
    return MongoConfig(uri, service)


@pytest.fixture
async def database(config: MongoConfig) -> AsyncIterator[Database]:
    async with open_database(config) as database:
        yield database


async def _as_auth(database: Database) -> None:
    store = AuthStore(database)
    await store.create_indexes()
    await store.add_user(User("u-1", "ada@example.com", "Ada", "hash", Role.CUSTOMER, NOW, 0))
    assert await store.end_epoch("u-1") is not None


async def _as_inventory(database: Database) -> None:
    store = InventoryStore(database)
    await store.create_indexes()
    item = Item.new("lamp", "Lamp", Money("EUR", 100), 5)
    await store.create_item(item, Adjustment("lamp", "", 5, "initial stock", "root"))  # a transaction
    assert await store.get_item("lamp") == item


async def _as_orders(database: Database) -> None:
    store = OrdersStore(database, SweepTimes(timedelta(seconds=60), timedelta(seconds=300)))
    await store.create_indexes()
    assert await store.claim_events(NOW, timedelta(seconds=10), 10) == []


async def _as_notifier(database: Database) -> None:
    store = NotifierStore(database)
    await store.create_indexes()
    await MongoDeadLetters(database).create_indexes()
    await MongoDeliveryFailures(database, SystemClock()).create_indexes()
    await store.probe()
    assert (await store.claim(Lease("o-1", Kind.PROCESSED, "me", NOW + timedelta(seconds=10)), NOW)).granted


WORK: dict[str, Callable[[Database], Any]] = {
    "auth": _as_auth,
    "inventory": _as_inventory,
    "orders": _as_orders,
    "notifier": _as_notifier,
}


@pytest.mark.parametrize("service", SERVICES)
async def test_its_own_database_is_enough(config: MongoConfig, database: Database, service: str) -> None:
    await require_replica_set(config)

    await WORK[service](database)


@pytest.mark.parametrize("service", SERVICES)
async def test_others_databases_are_closed(database: Database, service: str) -> None:
    others = [database.client[name] for name in SERVICES if name != service]

    refused = await asyncio.gather(*(other["anything"].find_one({}) for other in others), return_exceptions=True)

    assert [error.code for error in refused if isinstance(error, OperationFailure)] == [UNAUTHORIZED] * len(others)

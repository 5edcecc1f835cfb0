"""The fixtures of auth's tests: a clock, both stores, and the use cases over them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from chassis.clock import SystemClock
from chassis.mongo import Database, MongoConfig, open_database
from chassis.testing import ManualClock
from services.auth.memory_store import MemoryStore
from services.auth.mongo_store import MongoStore
from services.auth.passwords import Passwords
from services.auth.store import AuthStore
from services.auth.tests.scene import Auth, auth_over


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    with closing(Passwords(threads=2)) as passwords:
        yield passwords


@pytest.fixture
def clock() -> ManualClock:
    """It begins now: MongoDB forgets sessions by its own clock."""
    return ManualClock(SystemClock().now())


@pytest.fixture(scope="session")
async def mongo_database(mongo_uri: str) -> AsyncIterator[Database]:
    name = f"auth_test_{uuid4().hex[:12]}"
    async with open_database(MongoConfig(mongo_uri, name)) as database:
        await MongoStore(database).create_indexes()
        yield database
        await database.client.drop_database(name)


@pytest.fixture
async def database(mongo_database: Database) -> Database:
    """A database with its indexes and no documents."""
    await mongo_database["users"].delete_many({})
    await mongo_database["sessions"].delete_many({})
    return mongo_database


@pytest.fixture(params=["memory", "mongo"])
def store(request: pytest.FixtureRequest) -> AuthStore:
    if request.param == "memory":
        return MemoryStore()
    database: Any = request.getfixturevalue("database")
    return MongoStore(database)


@pytest.fixture
async def auth(store: AuthStore, passwords: Passwords, clock: ManualClock) -> Auth:
    """Auth where Ada has an account."""
    built = auth_over(store, passwords, clock)
    await built.register("ada@example.com", "correct horse", "Ada Lovelace")
    return built

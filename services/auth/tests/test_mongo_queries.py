"""What MongoDB does for each query: never a scan of a collection."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import WriteConcern
from pymongo.errors import OperationFailure

from chassis.mongo import MONGO_DOWN, Database
from chassis.testing import ManualClock
from services.auth.mongo_store import MongoStore
from services.auth.session import begin_session
from services.auth.user import Role, new_customer

INDEXED = ("IDHACK", "IXSCAN", "EXPRESS")


@dataclass(frozen=True)
class Profiled:
    operation: str
    plan: str
    examined: int


async def use_every_query(store: MongoStore, clock: ManualClock) -> None:
    """Each method of the port at least once, with neighbours that a scan would have to pass."""
    users = [new_customer(f"user-{number}@example.com", "", "$argon2id$x", clock.now()) for number in range(20)]
    sessions = [begin_session(user, clock.now()) for user in users]
    for user, session in zip(users, sessions, strict=True):
        await store.add_user(user)
        await store.add_session(session)
    await store.add_users(users[:2])
    user, session = users[7], sessions[7]
    await store.user(user.user_id)
    await store.user_with_email(user.email)
    await store.set_role(user.user_id, Role.ADMIN)
    await store.replace_password_hash(user.user_id, "$argon2id$x", "$argon2id$y")
    await store.session(session.session_id)
    await store.rotate_session(session, clock.now())
    await store.rotate_session(session, clock.now())
    await store.move_session(session.session_id, 1)
    await store.revoke_session(session.session_id, clock.now())
    await store.revoked_since(clock.now())
    changed = await store.change_password(user.user_id, "$argon2id$y", "$argon2id$z")
    assert changed is not None
    await store.end_epoch(user.user_id)
    await store.revoke_sessions(changed, clock.now())


@pytest.fixture
async def profiled(database: Database, clock: ManualClock) -> list[Profiled]:
    """What the server's profiler wrote down while every query ran."""
    await database.command("profile", 2)
    try:
        await use_every_query(MongoStore(database), clock)
    finally:
        await database.command("profile", 0)
    written: list[dict[str, Any]] = await database["system.profile"].find({"op": {"$ne": "insert"}}).to_list()
    await database["system.profile"].drop()
    return [
        Profiled(f"{entry['op']} {entry['ns']}", entry["planSummary"], entry.get("docsExamined", 0))
        for entry in written
        if "planSummary" in entry and not entry["ns"].endswith("system.profile")
    ]


def test_every_query_uses_an_index(profiled: list[Profiled]) -> None:
    assert len(profiled) == 15, "every query of the store was seen"
    assert [query for query in profiled if not query.plan.startswith(INDEXED)] == []
    assert max(query.examined for query in profiled) == 1


@pytest.fixture
async def picky(database: Database) -> AsyncIterator[Database]:
    """A database that takes no user without a name."""
    await database.command("collMod", "users", validator={"name": {"$ne": ""}})
    yield database
    await database.command("collMod", "users", validator={})


async def test_what_mongodb_says_about_many_accounts_has_no_hash_and_no_address(
    picky: Database, clock: ManualClock
) -> None:
    user = new_customer("ada@example.com", "", "$argon2id$secret", clock.now())

    with pytest.raises(OperationFailure, match=r"refuses accounts, with the codes \[121\]") as caught:
        await MongoStore(picky).add_users([user])

    assert caught.value.__suppress_context__
    assert "secret" not in f"{caught.value} {caught.value.details}"


async def test_accounts_that_are_not_confirmed_are_an_outage(database: Database, clock: ManualClock) -> None:
    user = new_customer("ada@example.com", "Ada", "$argon2id$secret", clock.now())
    nobody_confirms = database.with_options(write_concern=WriteConcern(w=5, wtimeout=50))

    with pytest.raises(MONGO_DOWN):
        await MongoStore(nobody_confirms).add_users([user])


async def test_an_address_is_unique_and_sessions_are_forgotten_when_over(database: Database) -> None:
    users, sessions = await database["users"].index_information(), await database["sessions"].index_information()

    assert users["email_1"]["unique"]
    assert sessions["expire_time_1"]["expireAfterSeconds"] == 0


async def test_creating_the_indexes_again_changes_nothing(database: Database) -> None:
    before = await database["users"].index_information()

    await MongoStore(database).create_indexes()

    assert await database["users"].index_information() == before

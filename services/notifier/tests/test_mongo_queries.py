"""What MongoDB does for each query, and what the notifier makes of one that is down."""

from dataclasses import dataclass
from typing import Any

import pytest

from chassis.mongo import Database, MongoConfig, open_database
from chassis.testing import ManualClock
from services.notifier.errors import Dependency, DependencyDown
from services.notifier.mongo_store import MongoStore
from services.notifier.notification import Kind, Lease
from services.notifier.store import Position

INDEXED = ("IDHACK", "IXSCAN", "EXPRESS")
PAGE = 3


@dataclass(frozen=True)
class Profiled:
    operation: str
    plan: str
    examined: int
    sorted_in_memory: bool


async def use_every_query(store: MongoStore, clock: ManualClock) -> None:
    """Each method of the port at least once, with neighbours that a scan would have to pass."""
    leases = [Lease.begin(f"o-{number}", Kind.PROCESSED, clock.now(), 15) for number in range(20)]
    for lease in leases:
        await store.claim(lease, clock.now())
        clock.advance(1)
    await store.claim(Lease.begin("o-7", Kind.PROCESSED, clock.now(), 15), clock.now())
    await store.release(leases[8], clock.now(), "SES: Throttling")
    await store.note_error(leases[7], "SES: does not answer")
    await store.mark_sent(leases[9], "mail-1", clock.now())
    await store.mark_failed(leases[10], "no")
    await store.claim(Lease.begin("o-9", Kind.PROCESSED, clock.now(), 15), clock.now())
    newest = (await store.list_page("", PAGE, None))[-1]
    await store.list_page("", PAGE, Position(newest.create_time, newest.notification_id))
    await store.list_page("o-3", PAGE, None)
    await store.list_page("o-3", PAGE, Position(newest.create_time, newest.notification_id))


@pytest.fixture
async def profiled(database: Database, mongo_store: MongoStore, clock: ManualClock) -> list[Profiled]:
    """What the server's profiler wrote down while every query ran."""
    await database.command("profile", 2)
    try:
        await use_every_query(mongo_store, clock)
    finally:
        await database.command("profile", 0)
    written: list[dict[str, Any]] = await database["system.profile"].find({"op": {"$ne": "insert"}}).to_list()
    return [
        Profiled(entry["op"], entry["planSummary"], entry.get("docsExamined", 0), entry.get("hasSortStage", False))
        for entry in written
        if "planSummary" in entry and entry["ns"].endswith(".notifications")
    ]


def test_every_query_uses_an_index_and_sorts_by_it(profiled: list[Profiled]) -> None:
    kinds = [query.operation for query in profiled]
    assert (kinds.count("query"), kinds.count("update")) == (5, 4), "every query of the store was seen"
    assert kinds.count("command") >= 20, "every claim was seen"
    assert [query for query in profiled if not query.plan.startswith(INDEXED)] == []
    assert [query for query in profiled if query.sorted_in_memory] == []
    assert max(query.examined for query in profiled) <= PAGE + 1


async def test_creating_the_indexes_again_changes_nothing(database: Database, mongo_store: MongoStore) -> None:
    before = await database["notifications"].index_information()

    await mongo_store.create_indexes()

    assert await database["notifications"].index_information() == before
    assert set(before) == {"_id_", "newest_first", "of_order_newest_first"}


async def test_no_address_is_stored(database: Database, mongo_store: MongoStore, clock: ManualClock) -> None:
    lease = Lease.begin("o-1", Kind.PROCESSED, clock.now(), 15)
    await mongo_store.claim(lease, clock.now())
    await mongo_store.mark_sent(lease, "mail-1", clock.now())

    assert "@" not in str(await database["notifications"].find_one())


async def test_a_database_that_is_down_is_an_outage(clock: ManualClock) -> None:
    nowhere = MongoConfig("mongodb://127.0.0.1:1/", "nowhere")
    async with open_database(nowhere) as database:
        with pytest.raises(DependencyDown) as caught:
            await MongoStore(database).claim(Lease.begin("o-1", Kind.FAILED, clock.now(), 15), clock.now())

    assert caught.value.dependency is Dependency.DATABASE

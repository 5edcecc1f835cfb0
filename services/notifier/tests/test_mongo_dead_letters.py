"""What MongoDB does for each query about dead letters, and what it keeps."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from chassis.mongo import Database, MongoConfig, open_database
from chassis.testing import ManualClock
from services.notifier.dead_letter import State
from services.notifier.dead_letter_store import LetterPosition
from services.notifier.errors import DependencyDown
from services.notifier.mongo_dead_letters import MongoDeadLetters
from services.notifier.tests.letters import kept, lease_on, letter

INDEXED = ("IDHACK", "IXSCAN", "EXPRESS", "COUNT_SCAN")
QUEUE_RETENTION = timedelta(days=14)
PAGE = 3


async def use_every_query(letters: MongoDeadLetters, clock: ManualClock) -> None:
    """Each method of the port at least once, with neighbours that a scan would have to pass."""
    message_ids = await kept(letters, clock, 20)
    for message_id in message_ids[:2]:
        await letters.delete(message_id, clock.now())
    leases = [lease_on(message_id, clock) for message_id in message_ids[2:5]]
    for lease in leases:
        await letters.claim(lease, clock.now())
    await letters.mark_redriven(leases[0], "m-99", clock.now())
    await letters.release(leases[1])
    clock.advance(3600)
    await letters.abandoned_ids(clock.now(), PAGE)
    await letters.state_of("m-7")
    await letters.dead_ids(PAGE)
    await letters.count_dead(PAGE)
    for state in (None, State.DEAD):
        newest = (await letters.list_page(state, PAGE, None))[-1]
        await letters.list_page(state, PAGE, LetterPosition(newest.create_time, newest.message_id))


@pytest.fixture
async def profiled(database: Database, mongo_letters: MongoDeadLetters, today: ManualClock) -> list[dict[str, Any]]:
    """What the server's profiler wrote down while every query ran."""
    await database.command("profile", 2)
    try:
        await use_every_query(mongo_letters, today)
    finally:
        await database.command("profile", 0)
    written = await database["system.profile"].find({"op": {"$ne": "insert"}}).to_list()
    return [entry for entry in written if "planSummary" in entry and entry["ns"].endswith(".dead_letters")]


def test_every_query_uses_an_index_and_sorts_by_it(profiled: list[dict[str, Any]]) -> None:
    plans = [entry["planSummary"] for entry in profiled]

    assert len(plans) >= 15, "every query of the store was seen"
    assert [plan for plan in plans if not plan.startswith(INDEXED)] == []
    assert [entry for entry in profiled if entry.get("hasSortStage")] == []
    assert max(entry.get("docsExamined", 0) for entry in profiled) <= PAGE + 1


async def test_rows_go_by_themselves_when_nothing_can_come_back(
    database: Database, mongo_letters: MongoDeadLetters, today: ManualClock
) -> None:
    for message_id in ("dead", "redriven", "deleted"):
        await mongo_letters.insert(letter(message_id, today))
    lease = lease_on("redriven", today)
    await mongo_letters.claim(lease, today.now())
    await mongo_letters.mark_redriven(lease, "m-2", today.now())
    await mongo_letters.delete("deleted", today.now())

    rows: dict[str, datetime] = {row["_id"]: row["expire_time"] async for row in database["dead_letters"].find()}
    indexes = await database["dead_letters"].index_information()

    assert rows["dead"] - today.now() == timedelta(days=90)
    assert rows["redriven"] - today.now() > QUEUE_RETENTION
    assert rows["deleted"] - today.now() > QUEUE_RETENTION
    assert (indexes["expiry"]["key"], indexes["expiry"]["expireAfterSeconds"]) == ([("expire_time", 1)], 0)


async def test_of_what_was_deleted_no_content_stays(
    database: Database, mongo_letters: MongoDeadLetters, today: ManualClock
) -> None:
    await mongo_letters.insert(letter("m-1", today, body="of ada@example.com"))

    await mongo_letters.delete("m-1", today.now())

    row = await database["dead_letters"].find_one()
    assert row is not None
    assert set(row) == {"_id", "state", "expire_time"}


async def test_creating_the_indexes_again_changes_nothing(database: Database, mongo_letters: MongoDeadLetters) -> None:
    before = await database["dead_letters"].index_information()

    await mongo_letters.create_indexes()

    assert await database["dead_letters"].index_information() == before


async def test_a_database_that_is_down_is_an_outage(today: ManualClock) -> None:
    async with open_database(MongoConfig("mongodb://127.0.0.1:1/", "nowhere")) as database:
        letters = MongoDeadLetters(database)

        calls = (letters.insert(letter("m-1", today)), letters.list_page(None, 1, None))
        answers = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(answer) for answer in answers] == [DependencyDown] * len(calls)

"""What is particular to orders in MongoDB."""

from datetime import timedelta

from chassis.mongo import Database
from chassis.pages import Page, time_key
from chassis.testing import ManualClock, collecting_scans
from services.orders.mongo_store import MongoStore
from services.orders.order import begin, cancel
from services.orders.tests.conftest import LEASE, SWEEP_AGE
from services.orders.tests.stored import placed, processed


async def test_no_query_reads_a_whole_collection(
    mongo_store: MongoStore, database: Database, clock: ManualClock
) -> None:
    first, second = placed("o-1", clock.now()), placed("o-2", clock.now())
    async with collecting_scans(database) as scans:
        await mongo_store.insert([first, second])
        await mongo_store.get("o-1")
        await mongo_store.list_by_user("ada", Page(1, None))
        await mongo_store.list_by_user("ada", Page(1, (time_key(clock.now()), "o-2")))
        await mongo_store.claim_events(clock.now(), LEASE, 10)
        await mongo_store.record_published("o-1", ["o-1:1"])
        clock.advance(SWEEP_AGE.total_seconds())
        await mongo_store.overdue(clock.now(), 10)
        await mongo_store.claim_overdue(first, clock.now(), publish=True)
        await mongo_store.put_off("o-1", clock.now())
        await processed(mongo_store, first, clock.now())
        await mongo_store.apply(cancel(second, clock.now(), ""))
        await mongo_store.record_released("o-2")
        await mongo_store.record_notified("o-2")

    assert scans == []


async def test_a_list_is_read_in_the_order_of_its_index(
    mongo_store: MongoStore, database: Database, clock: ManualClock
) -> None:
    """A page costs what it shows, however many orders the customer has."""
    for n in range(300):
        await mongo_store.insert([placed(f"o-{n:03}", clock.now())])
        clock.advance(1)
    half_way = time_key(clock.now() - timedelta(seconds=150))
    async with collecting_scans(database):
        await mongo_store.list_by_user("ada", Page(10, (half_way, "o-150")))

    profile = await database["system.profile"].find_one({"op": "query", "ns": f"{database.name}.orders"})

    assert profile is not None
    assert "hasSortStage" not in profile
    assert profile["docsExamined"] <= 12


async def test_what_is_settled_has_nothing_left_to_do(
    mongo_store: MongoStore, database: Database, clock: ManualClock
) -> None:
    """The indexes of the relay and the sweep hold only orders that they have to look at."""
    order = placed("o-1", clock.now())
    await mongo_store.insert([order])
    await mongo_store.claim_events(clock.now(), LEASE, 10)
    await mongo_store.record_published("o-1", ["o-1:1"])
    await processed(mongo_store, order, clock.now())

    await mongo_store.record_notified("o-1")

    document = await database["orders"].find_one({"_id": "o-1"})
    assert document is not None
    leftovers = {
        "outbox_due_time",
        "outbox_claim",
        "sweep_due_time",
        "republish_time",
        "republish_interval_seconds",
    } & document.keys()
    assert leftovers == set()


async def test_a_move_never_replaces_the_document(
    mongo_store: MongoStore, database: Database, clock: ManualClock
) -> None:
    """Fields that this version does not know survive: old and new replicas run side by side."""
    order = placed("o-1", clock.now())
    await mongo_store.insert([order])
    await database["orders"].update_one({"_id": "o-1"}, {"$set": {"of_a_newer_version": 1}})

    await mongo_store.apply(begin(order, clock.now()))

    document = await database["orders"].find_one({"_id": "o-1"})
    assert document is not None
    assert document["of_a_newer_version"] == 1

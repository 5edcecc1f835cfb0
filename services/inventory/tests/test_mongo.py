"""What is particular to inventory in MongoDB."""

import asyncio
from datetime import timedelta

from chassis.mongo import Database
from chassis.pages import Page
from chassis.testing import ManualClock, collecting_scans
from services.inventory.decisions import Adjust, Commit, Expire, Reserve
from services.inventory.item import Adjustment, Item, Money
from services.inventory.mongo_store import MongoStore
from services.inventory.reservation import Line


async def test_no_query_reads_a_whole_collection(
    mongo_store: MongoStore, database: Database, clock: ManualClock
) -> None:
    async with collecting_scans(database) as scans:
        for sku in ("DESK", "LAMP"):
            await mongo_store.create_item(
                Item.new(sku, sku, Money("EUR", 100), 9), Adjustment(sku, "", 9, "new", "root")
            )
        reserve = Reserve("o-1", "f", (Line("LAMP", 1),), clock.now() + timedelta(seconds=900))
        await mongo_store.decide([reserve, Adjust(Adjustment("LAMP", "k", 1, "found", "root"))])
        await mongo_store.decide([Commit("o-1", "f"), Expire("o-1", clock.now())])
        await mongo_store.update_item("LAMP", "Lamp", None)
        await mongo_store.get_item("LAMP")
        await mongo_store.get_reservation("o-1")
        await mongo_store.list_items(Page(1, None))
        await mongo_store.list_items(Page(1, ("DESK",)))
        await mongo_store.overdue_holds(clock.now(), 10)

    assert scans == []


async def test_what_a_scan_collects_is_not_nothing(database: Database) -> None:
    """The test above would notice."""
    await database["items"].insert_one({"_id": "LAMP", "name": "Lamp"})

    async with collecting_scans(database) as scans:
        await database["items"].find_one({"name": "Lamp"})

    assert [scan["collection"] for scan in scans] == ["items"]


async def test_creating_the_indexes_again_is_harmless(mongo_store: MongoStore) -> None:
    await mongo_store.create_indexes()


async def test_replicas_that_start_together_create_the_collections_once(database: Database) -> None:
    stores = [MongoStore(database) for _ in range(8)]

    await asyncio.gather(*(store.create_indexes() for store in stores))

    assert set(await database.list_collection_names()) == {"items", "reservations", "adjustments"}

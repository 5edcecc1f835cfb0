"""Inventory is killed between the writes of a decision and its commit: the items are soon free for others."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from chassis.mongo import Database
from services.inventory.decisions import Adjust, Adjusted
from services.inventory.item import Adjustment, Item, Money
from services.inventory.mongo_store import MongoStore

LAMP = Item.new("LAMP", "Lamp", Money("EUR", 2_500), 5)

FREE_SECONDS_MAX = 8.0
"""Less than the 10 s in which orders must settle after a fault."""

KILLED = """
import asyncio, os, signal, sys
from chassis.mongo import MongoConfig, open_database
from services.inventory.decisions import Adjust
from services.inventory.item import Adjustment
from services.inventory.mongo_store import MongoStore

class Killed(MongoStore):
    async def _save(self, session, before, after):
        await super()._save(session, before, after)
        os.kill(os.getpid(), signal.SIGKILL)

async def main(uri, name):
    async with open_database(MongoConfig(uri, name)) as database:
        await Killed(database).decide([Adjust(Adjustment("LAMP", "lost", 1, "delivered", "root"))])

asyncio.run(main(*sys.argv[1:]))
"""


async def test_what_a_killed_process_locked_is_free_again_soon(mongo_uri: str, database: Database) -> None:
    store = MongoStore(database)
    await store.create_indexes()
    await store.create_item(LAMP, Adjustment("LAMP", "", 5, "new", "root"))
    command = [sys.executable, "-c", KILLED, mongo_uri, database.name]
    root = Path(__file__).parents[2]

    killed = await asyncio.to_thread(subprocess.run, command, cwd=root, check=False)
    async with asyncio.timeout(FREE_SECONDS_MAX):
        (adjusted,) = await store.decide([Adjust(Adjustment("LAMP", "delivery", 2, "delivered", "root"))])

    assert killed.returncode == -signal.SIGKILL
    assert isinstance(adjusted, Adjusted)
    assert adjusted.item.available == 7

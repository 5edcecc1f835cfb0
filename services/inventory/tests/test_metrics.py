"""What inventory counts: each change of a reservation once, however often it is asked for."""

import asyncio

import pytest

from chassis.testing import ManualClock
from chassis.tests.counted import counts, value
from services.inventory.decisions import Commit, Expire, Release, Reserve
from services.inventory.errors import OutOfStock
from services.inventory.reservation import Line
from services.inventory.store import InventoryStore
from services.inventory.tests.test_writer import SlowStore, lamps, reserve
from services.inventory.writer import Writer

RESERVATIONS = "ordermesh_inventory_reservations_total"
GROUPS = "ordermesh_inventory_group_decisions"


async def test_a_hold_that_is_asked_for_again_is_one(store: InventoryStore, writer: Writer, clock: ManualClock) -> None:
    await lamps(store, 100)

    with counts(1, RESERVATIONS, state="HELD"):
        await asyncio.gather(*(writer.reserved(reserve(clock, 1)) for _ in range(10)))
        await writer.reserved(reserve(clock, 1))


async def test_a_sale_and_a_release_count_once(store: InventoryStore, writer: Writer, clock: ManualClock) -> None:
    await lamps(store, 100)

    with (
        counts(2, RESERVATIONS, state="HELD"),
        counts(1, RESERVATIONS, state="COMMITTED"),
        counts(1, RESERVATIONS, state="RELEASED"),
    ):
        for n in (1, 2):
            await writer.reserved(reserve(clock, n))
        for _ in range(3):
            await writer.reserved(Commit("o-1", "f"))
            await writer.reserved(Release("o-2", "f"))


async def test_a_hold_that_expires_and_is_renewed_is_held_twice(
    store: InventoryStore, writer: Writer, clock: ManualClock
) -> None:
    await lamps(store, 1)

    with counts(2, RESERVATIONS, state="HELD"), counts(1, RESERVATIONS, state="EXPIRED"):
        await writer.reserved(reserve(clock, 1))
        for _ in range(2):
            await writer.reserved(Expire("o-1", clock.now()))
        for _ in range(2):
            await writer.reserved(reserve(clock, 1))


async def test_a_sale_that_comes_too_late_is_a_release(
    store: InventoryStore, writer: Writer, clock: ManualClock
) -> None:
    await lamps(store, 1)
    await writer.reserved(reserve(clock, 1))
    await writer.reserved(Expire("o-1", clock.now()))
    await writer.reserved(reserve(clock, 2))

    with counts(1, RESERVATIONS, state="RELEASED"), counts(0, RESERVATIONS, state="COMMITTED"):
        for _ in range(2):
            await writer.reserved(Commit("o-1", "f"))


async def test_a_refusal_is_counted_by_its_reason(store: InventoryStore, writer: Writer, clock: ManualClock) -> None:
    await lamps(store, 1)

    with (
        counts(1, "ordermesh_inventory_refusals_total", reason="OUT_OF_STOCK"),
        counts(0, RESERVATIONS, state="HELD"),
        pytest.raises(OutOfStock),
    ):
        await writer.reserved(Reserve("o-1", "f", (Line("LAMP", 2),), clock.now()))


async def test_what_waits_is_shown_and_what_goes_together_is_counted(clock: ManualClock) -> None:
    store = SlowStore()
    await lamps(store, 10)
    writer = Writer(store)
    running = asyncio.create_task(writer.run())
    with counts(2, f"{GROUPS}_count"), counts(4, f"{GROUPS}_sum"), counts(2, "ordermesh_inventory_group_seconds_count"):
        first = asyncio.create_task(writer.reserved(reserve(clock, 0)))
        await store.begun.wait()
        others = [asyncio.create_task(writer.reserved(reserve(clock, n))) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        waiting = value("ordermesh_inventory_decisions_waiting")
        store.let.set()
        await asyncio.gather(first, *others)
    running.cancel()

    assert (waiting, value("ordermesh_inventory_decisions_waiting")) == (3, 0)

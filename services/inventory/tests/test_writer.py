"""The one writer: groups, limits, and callers who leave."""

import asyncio
from collections.abc import Sequence

import pytest

from chassis.background import running
from chassis.errors import ResourceExhausted
from chassis.testing import ManualClock
from services.inventory import writer as writer_module
from services.inventory.decisions import Decision, Outcome, Release, Reserve, Reserved
from services.inventory.errors import OutOfStock
from services.inventory.item import Adjustment, Item, Money
from services.inventory.memory_store import MemoryStore
from services.inventory.reservation import Line
from services.inventory.store import InventoryStore
from services.inventory.writer import GROUP_MAX, WAITING_MAX, Writer


class SlowStore(MemoryStore):
    """Decides when it is let, and remembers the groups."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[Decision]] = []
        self.begun = asyncio.Event()
        self.let = asyncio.Event()
        self.error: Exception | None = None

    async def decide(self, decisions: Sequence[Decision]) -> list[Outcome]:
        self.groups.append(list(decisions))
        self.begun.set()
        await self.let.wait()
        if self.error:
            raise self.error
        return await super().decide(decisions)


def reserve(clock: ManualClock, n: int) -> Reserve:
    return Reserve(f"o-{n}", "f", (Line("LAMP", 1),), clock.now())


async def lamps(store: InventoryStore, stock: int) -> None:
    await store.create_item(Item.new("LAMP", "Lamp", Money("EUR", 1), stock), Adjustment("LAMP", "", stock, "new", "r"))


async def test_many_callers_share_groups_and_each_gets_its_own_answer(
    store: InventoryStore, writer: Writer, clock: ManualClock
) -> None:
    await lamps(store, 100)

    outcomes = await asyncio.gather(*(writer.reserved(reserve(clock, n)) for n in range(150)), return_exceptions=True)

    accepted = [outcome for outcome in outcomes if isinstance(outcome, Reserved)]
    assert len({outcome.reservation.order_id for outcome in accepted}) == 100
    assert sum(isinstance(outcome, OutOfStock) for outcome in outcomes) == 50


async def test_what_waits_meanwhile_makes_the_next_group(clock: ManualClock) -> None:
    store = SlowStore()
    await lamps(store, 1_000)
    writer = Writer(store)
    async with running(asyncio.create_task(writer.run())):
        calls = [asyncio.create_task(writer.reserved(reserve(clock, n))) for n in range(GROUP_MAX + 11)]
        store.let.set()
        await asyncio.gather(*calls)

    assert sorted(len(group) for group in store.groups) == [11, GROUP_MAX]


async def test_a_full_queue_refuses_at_once(clock: ManualClock) -> None:
    writer = Writer(MemoryStore())  # nobody runs it
    calls = [asyncio.create_task(writer.reserved(reserve(clock, n))) for n in range(WAITING_MAX)]
    await asyncio.sleep(0)

    with pytest.raises(ResourceExhausted):
        await writer.reserved(reserve(clock, WAITING_MAX))

    for call in calls:
        call.cancel()


async def test_what_nobody_waits_for_is_not_decided(clock: ManualClock) -> None:
    store = SlowStore()
    await lamps(store, 10)
    writer = Writer(store)
    calls = [asyncio.create_task(writer.reserved(reserve(clock, n))) for n in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    store.let.set()
    async with running(asyncio.create_task(writer.run())):
        await asyncio.gather(calls[0], calls[2])

    assert [[decision.order_id for decision in group] for group in store.groups] == [["o-0", "o-2"]]  # type: ignore[union-attr] # only reservations


async def test_a_store_that_fails_fails_its_group_and_not_the_next(clock: ManualClock) -> None:
    store = SlowStore()
    await lamps(store, 10)
    store.let.set()
    store.error = ConnectionError("gone")
    writer = Writer(store)
    async with running(asyncio.create_task(writer.run())):
        with pytest.raises(ConnectionError):
            await writer.reserved(reserve(clock, 1))
        store.error = None

        outcome = await writer.reserved(Reserve("o-2", "f", (Line("LAMP", 1),), clock.now()))

    assert outcome.created


async def test_a_writer_that_stops_leaves_nobody_waiting(clock: ManualClock) -> None:
    store = SlowStore()
    await lamps(store, 10)
    writer = Writer(store)
    task = asyncio.create_task(writer.run())
    call = asyncio.create_task(writer.reserved(Release("o-1", "f")))
    await store.begun.wait()

    task.cancel()

    with pytest.raises(ResourceExhausted):
        await call
    assert writer_module.GROUP_MAX < WAITING_MAX

"""What every store of inventory does with reservations."""

import asyncio
from datetime import timedelta

import pytest

from chassis.errors import InvalidArgument
from chassis.testing import ManualClock
from services.inventory.decisions import Commit, Decision, Release, Reserved
from services.inventory.errors import IdempotencyKeyReused, OutOfStock, ReservationCommitted, ReservationNotFound
from services.inventory.item import Money
from services.inventory.reservation import State
from services.inventory.store import InventoryStore
from services.inventory.tests.stock import EUR_25, counts, decide, reservation, reserve, stocked


async def test_a_reservation_takes_from_what_is_available(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)

    outcome = await decide(store, reserve(clock, "o-1", ("LAMP", 3)))

    assert isinstance(outcome, Reserved)
    assert outcome.created
    assert outcome.reservation.state is State.HELD
    assert [(line.sku, line.name, line.quantity, line.unit_price) for line in outcome.reservation.lines] == [
        ("LAMP", "Lamp", 3, EUR_25)
    ]
    assert await counts(store, "LAMP") == (7, 3, 0)


async def test_all_lines_are_held_or_none(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    await stocked(store, "DESK", 1)

    outcome = await decide(store, reserve(clock, "o-1", ("LAMP", 3), ("DESK", 2)))

    assert isinstance(outcome, OutOfStock)
    assert outcome.metadata == {"DESK": "1"}
    assert await counts(store, "LAMP") == (10, 0, 0)
    assert await store.get_reservation("o-1") is None


async def test_reserving_again_renews_the_hold_and_takes_nothing(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    first = await reservation(store, reserve(clock, "o-1", ("LAMP", 3)))
    clock.advance(60)

    again = await decide(store, reserve(clock, "o-1", ("LAMP", 3)))

    assert isinstance(again, Reserved)
    assert not again.created
    assert again.reservation.expire_time == first.expire_time + timedelta(seconds=60)
    assert await counts(store, "LAMP") == (7, 3, 0)


@pytest.mark.parametrize("move", ["reserve", "commit", "release"])
async def test_another_fingerprint_is_refused_and_changes_nothing(
    store: InventoryStore, clock: ManualClock, move: str
) -> None:
    await stocked(store, "LAMP", 10)
    await decide(store, reserve(clock, "o-1", ("LAMP", 3), fingerprint="a"))
    decisions: dict[str, Decision] = {
        "reserve": reserve(clock, "o-1", ("LAMP", 5), fingerprint="b"),
        "commit": Commit("o-1", "b"),
        "release": Release("o-1", "b"),
    }

    outcome = await decide(store, decisions[move])

    assert isinstance(outcome, IdempotencyKeyReused)
    assert await counts(store, "LAMP") == (7, 3, 0)


async def test_a_commit_sells_what_is_held_once(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))

    states = [(await reservation(store, Commit("o-1", "f"))).state for _ in range(2)]

    assert states == [State.COMMITTED, State.COMMITTED]
    assert await counts(store, "LAMP") == (7, 0, 3)


async def test_a_release_gives_back_once(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))

    states = [(await reservation(store, Release("o-1", "f"))).state for _ in range(2)]

    assert states == [State.RELEASED, State.RELEASED]
    assert await counts(store, "LAMP") == (10, 0, 0)


async def test_what_is_sold_cannot_be_released(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))
    await decide(store, Commit("o-1", "f"))

    outcome = await decide(store, Release("o-1", "f"))

    assert isinstance(outcome, ReservationCommitted)
    assert await counts(store, "LAMP") == (7, 0, 3)


async def test_released_is_final(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))
    await decide(store, Release("o-1", "f"))

    assert (await reservation(store, Commit("o-1", "f"))).state is State.RELEASED
    assert (await reservation(store, reserve(clock, "o-1", ("LAMP", 3)))).state is State.RELEASED
    assert await counts(store, "LAMP") == (10, 0, 0)


@pytest.mark.parametrize("decision", [Commit("o-9", "f"), Release("o-9", "f")])
async def test_a_reservation_that_never_was_is_not_found(store: InventoryStore, decision: Decision) -> None:
    assert isinstance(await decide(store, decision), ReservationNotFound)


async def test_unknown_skus_are_all_named(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 3)

    outcome = await decide(store, reserve(clock, "o-1", ("CHAIR", 1), ("LAMP", 1), ("TABLE", 1)))

    assert isinstance(outcome, InvalidArgument)
    assert [violation.field for violation in outcome.violations] == ["lines[0].sku", "lines[2].sku"]


async def test_one_order_has_one_currency(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 3)
    await stocked(store, "DESK", 3, Money("USD", 100))

    outcome = await decide(store, reserve(clock, "o-1", ("LAMP", 1), ("DESK", 1)))

    assert isinstance(outcome, InvalidArgument)
    assert [violation.field for violation in outcome.violations] == ["lines[1].sku"]


async def test_the_decisions_of_a_group_see_each_other(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 2)
    before = await store.get_item("LAMP")

    outcomes = await store.decide(
        [
            reserve(clock, "o-1", ("LAMP", 1)),
            reserve(clock, "o-2", ("LAMP", 2)),
            reserve(clock, "o-3", ("LAMP", 1)),
            Commit("o-1", "f"),
            Release("o-3", "f"),
            reserve(clock, "o-4", ("LAMP", 1)),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [Reserved, OutOfStock, Reserved, Reserved, Reserved, Reserved]
    assert await counts(store, "LAMP") == (0, 1, 1)
    after = await store.get_item("LAMP")
    assert before is not None
    assert after is not None
    assert after.version > before.version


async def test_groups_that_conflict_are_both_decided(store: InventoryStore, clock: ManualClock) -> None:
    """Two replicas decide about the same items at the same time."""
    await stocked(store, "LAMP", 10)
    await stocked(store, "DESK", 10)
    baskets = [(("LAMP", 1), ("DESK", 1)), (("DESK", 1), ("LAMP", 1))]

    groups = [[reserve(clock, f"o-{n}", *baskets[n % 2])] for n in range(24)]
    outcomes = [outcome for (outcome,) in await asyncio.gather(*(store.decide(group) for group in groups))]

    assert sum(isinstance(outcome, Reserved) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, OutOfStock) for outcome in outcomes) == 14
    assert await counts(store, "LAMP") == (0, 10, 0)
    assert await counts(store, "DESK") == (0, 10, 0)

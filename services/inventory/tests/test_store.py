"""What every store of inventory does."""

import asyncio
from datetime import timedelta

import pytest

from chassis.errors import InvalidArgument
from chassis.pages import Page
from chassis.testing import ManualClock
from services.inventory.decisions import (
    Adjust,
    Adjusted,
    Commit,
    Decision,
    Expire,
    Outcome,
    Release,
    Reserve,
    Reserved,
    Shelves,
    take,
)
from services.inventory.errors import (
    IdempotencyKeyReused,
    ItemExists,
    ItemNotFound,
    OutOfStock,
    ReservationCommitted,
    ReservationNotFound,
    StockLimitExceeded,
)
from services.inventory.item import STOCK_MAX, Adjustment, Item, Money
from services.inventory.reservation import Line, Reservation, State
from services.inventory.store import InventoryStore

EUR_25 = Money("EUR", 2_500)
HOLD = timedelta(seconds=900)


async def stocked(store: InventoryStore, sku: str, stock: int, price: Money = EUR_25) -> None:
    await store.create_item(Item.new(sku, sku.title(), price, stock), Adjustment(sku, "", stock, "initial", "root"))


async def counts(store: InventoryStore, sku: str) -> tuple[int, int, int]:
    """What is available, reserved and sold; checks on the way that they add up."""
    item = await store.get_item(sku)
    assert item is not None
    assert item.adjusted == item.available + item.reserved + item.sold
    assert min(item.available, item.reserved, item.sold) >= 0
    return item.available, item.reserved, item.sold


async def decide(store: InventoryStore, decision: Decision) -> Outcome:
    (outcome,) = await store.decide([decision])
    return outcome


async def reservation(store: InventoryStore, decision: Decision) -> Reservation:
    outcome = await decide(store, decision)
    assert isinstance(outcome, Reserved), outcome
    return outcome.reservation


def reserve(clock: ManualClock, order_id: str, *lines: tuple[str, int], fingerprint: str = "f") -> Reserve:
    return Reserve(order_id, fingerprint, tuple(Line(sku, n) for sku, n in lines), clock.now() + HOLD)


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


async def test_an_overdue_hold_goes_back_to_stock(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))
    early = await reservation(store, Expire("o-1", clock.now()))
    clock.advance(900)

    assert await store.overdue_holds(clock.now(), 10) == ["o-1"]
    late = await reservation(store, Expire("o-1", clock.now()))

    assert (early.state, late.state) == (State.HELD, State.EXPIRED)
    assert await counts(store, "LAMP") == (10, 0, 0)
    assert await store.overdue_holds(clock.now(), 10) == []


async def expired(store: InventoryStore, clock: ManualClock) -> None:
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))
    clock.advance(900)
    await decide(store, Expire("o-1", clock.now()))


async def test_a_hold_that_was_renewed_meanwhile_does_not_expire(store: InventoryStore, clock: ManualClock) -> None:
    """The sweep found it overdue; before it decided, orders renewed it."""
    await stocked(store, "LAMP", 10)
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))
    clock.advance(900)
    overdue = await store.overdue_holds(clock.now(), 10)
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))

    late = await reservation(store, Expire("o-1", clock.now()))

    assert overdue == ["o-1"]
    assert late.state is State.HELD
    assert await counts(store, "LAMP") == (7, 3, 0)


async def test_a_late_retry_does_not_shorten_a_hold(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    early = reserve(clock, "o-1", ("LAMP", 3))
    clock.advance(60)
    renewed = await reservation(store, reserve(clock, "o-1", ("LAMP", 3)))

    again = await reservation(store, early)

    assert again.expire_time == renewed.expire_time


async def test_an_expired_hold_is_taken_again_with_its_old_price(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 10)
    await expired(store, clock)
    await store.update_item("LAMP", "Lamp, brass", Money("EUR", 9_900))

    again = await reservation(store, reserve(clock, "o-1", ("LAMP", 3)))

    assert again.state is State.HELD
    assert (again.lines[0].name, again.lines[0].unit_price) == ("Lamp", EUR_25)
    assert await counts(store, "LAMP") == (7, 3, 0)


async def test_an_expired_hold_without_stock_stays_expired(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 3)
    await expired(store, clock)
    await decide(store, reserve(clock, "o-2", ("LAMP", 1)))

    outcome = await decide(store, reserve(clock, "o-1", ("LAMP", 3)))

    known = await store.get_reservation("o-1")
    assert isinstance(outcome, OutOfStock)
    assert known is not None
    assert known.state is State.EXPIRED


async def test_committing_an_expired_hold_sells_when_there_is_stock(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 3)
    await expired(store, clock)

    assert (await reservation(store, Commit("o-1", "f"))).state is State.COMMITTED
    assert await counts(store, "LAMP") == (0, 0, 3)


async def test_committing_an_expired_hold_without_stock_releases_for_good(
    store: InventoryStore, clock: ManualClock
) -> None:
    await stocked(store, "LAMP", 3)
    await expired(store, clock)
    await decide(store, reserve(clock, "o-2", ("LAMP", 1)))

    assert (await reservation(store, Commit("o-1", "f"))).state is State.RELEASED
    await decide(store, Release("o-2", "f"))
    assert (await reservation(store, Commit("o-1", "f"))).state is State.RELEASED
    assert await counts(store, "LAMP") == (3, 0, 0)


async def test_releasing_an_expired_hold_gives_nothing_back_twice(store: InventoryStore, clock: ManualClock) -> None:
    await stocked(store, "LAMP", 3)
    await expired(store, clock)

    assert (await reservation(store, Release("o-1", "f"))).state is State.RELEASED
    assert await counts(store, "LAMP") == (3, 0, 0)


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


async def test_an_adjustment_counts_once(store: InventoryStore) -> None:
    await stocked(store, "LAMP", 10)
    adjust = Adjust(Adjustment("LAMP", "key-1", -4, "broken", "root"))

    first, again = await decide(store, adjust), await decide(store, adjust)

    assert isinstance(first, Adjusted)
    assert isinstance(again, Adjusted)
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.item.available, first.item.version) == (6, 2)
    assert await counts(store, "LAMP") == (6, 0, 0)


@pytest.mark.parametrize(
    ("adjustment", "refusal"),
    [
        (Adjustment("LAMP", "key-1", -5, "broken", "root"), IdempotencyKeyReused),
        (Adjustment("LAMP", "key-2", -7, "broken", "root"), OutOfStock),
        (Adjustment("LAMP", "key-2", STOCK_MAX, "more", "root"), StockLimitExceeded),
        (Adjustment("SOFA", "key-1", -4, "broken", "root"), ItemNotFound),
    ],
)
async def test_a_refused_adjustment_changes_nothing(
    store: InventoryStore, adjustment: Adjustment, refusal: type[Exception]
) -> None:
    await stocked(store, "LAMP", 10)
    await decide(store, Adjust(Adjustment("LAMP", "key-1", -4, "broken", "root")))

    assert isinstance(await decide(store, Adjust(adjustment)), refusal)
    assert await counts(store, "LAMP") == (6, 0, 0)


async def test_stock_may_reach_its_limit_exactly(store: InventoryStore) -> None:
    await stocked(store, "LAMP", 1)

    outcome = await decide(store, Adjust(Adjustment("LAMP", "key-1", STOCK_MAX - 1, "more", "root")))

    assert isinstance(outcome, Adjusted)
    assert outcome.item.available == STOCK_MAX


async def test_a_sku_is_taken_once(store: InventoryStore) -> None:
    await stocked(store, "LAMP", 10)

    with pytest.raises(ItemExists):
        await stocked(store, "LAMP", 99)

    assert await counts(store, "LAMP") == (10, 0, 0)


async def test_an_update_changes_what_it_names(store: InventoryStore) -> None:
    await stocked(store, "LAMP", 10)

    renamed = await store.update_item("LAMP", "Lamp, brass", None)
    priced = await store.update_item("LAMP", None, Money("EUR", 3_000))

    assert (renamed.name, renamed.unit_price, renamed.version) == ("Lamp, brass", EUR_25, 2)
    assert (priced.name, priced.unit_price, priced.version) == ("Lamp, brass", Money("EUR", 3_000), 3)
    with pytest.raises(ItemNotFound):
        await store.update_item("SOFA", "Sofa", None)


async def test_items_are_paged_by_sku(store: InventoryStore) -> None:
    for sku in ("C", "A", "B", "D"):
        await stocked(store, sku, 1)

    first = await store.list_items(Page(2, None))
    rest = await store.list_items(Page(2, ("B",)))

    assert [item.sku for item in first] == ["A", "B", "C"]
    assert [item.sku for item in rest] == ["C", "D"]


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


async def test_an_item_that_vanished_is_its_own_orders_trouble(clock: ManualClock) -> None:
    """Nothing removes items; if an operator did, the others in the group are decided all the same."""
    shelves = Shelves(items={"LAMP": Item.new("LAMP", "Lamp", EUR_25, 10), "DESK": Item.new("DESK", "Desk", EUR_25, 9)})
    take([reserve(clock, "o-1", ("LAMP", 1), ("DESK", 1)), reserve(clock, "o-2", ("LAMP", 2))], shelves)
    del shelves.items["DESK"]

    outcomes = take([Commit("o-1", "f"), Release("o-1", "f"), Commit("o-2", "f")], shelves)

    assert [type(outcome) for outcome in outcomes] == [ItemNotFound, ItemNotFound, Reserved]
    assert (shelves.items["LAMP"].reserved, shelves.items["LAMP"].sold) == (1, 2)

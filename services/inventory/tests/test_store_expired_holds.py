"""What every store of inventory does with holds that nobody committed in time."""

from chassis.testing import ManualClock
from services.inventory.decisions import Commit, Expire, Release
from services.inventory.errors import OutOfStock
from services.inventory.item import Money
from services.inventory.reservation import State
from services.inventory.store import InventoryStore
from services.inventory.tests.stock import EUR_25, counts, decide, reservation, reserve, stocked


async def expired(store: InventoryStore, clock: ManualClock) -> None:
    await decide(store, reserve(clock, "o-1", ("LAMP", 3)))
    clock.advance(900)
    await decide(store, Expire("o-1", clock.now()))


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

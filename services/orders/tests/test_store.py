"""What every store of orders does."""

import asyncio
from dataclasses import replace

from chassis.pages import Page, time_key
from chassis.testing import ManualClock
from services.orders.order import EventType, Failure, NotificationDebt, Status, StockDebt, begin, cancel, fail
from services.orders.store import OrderStore
from services.orders.tests.conftest import LEASE
from services.orders.tests.stored import applied, placed, processed


async def test_an_order_is_kept_as_it_is(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())

    assert await store.insert([order]) == [True]
    assert await store.get("o-1") == order
    assert await store.get("o-2") is None


async def test_an_order_that_is_there_is_not_inserted_again(store: OrderStore, clock: ManualClock) -> None:
    first, second = placed("o-1", clock.now()), placed("o-2", clock.now())
    await store.insert([first])

    inserted = await store.insert([replace(first, email="eve@example.com"), second])

    assert inserted == [False, True]
    assert await store.get("o-1") == first
    assert await store.get("o-2") == second


async def test_twins_that_race_make_one_order(store: OrderStore, clock: ManualClock) -> None:
    twins = await asyncio.gather(*(store.insert([placed("o-1", clock.now())]) for _ in range(20)))

    assert sorted(twins) == [[False]] * 19 + [[True]]


async def test_every_move_counts_in_version_and_history(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    clock.advance(1)

    done = await processed(store, order, clock.now())

    assert (done.status, done.version) == (Status.PROCESSED, 3)
    assert [change.status for change in done.history] == [Status.PENDING, Status.PROCESSING, Status.PROCESSED]
    assert done.update_time == clock.now()
    assert done.notification is NotificationDebt.TO_SEND
    assert await store.get("o-1") == done


async def test_a_move_that_comes_too_late_changes_nothing(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    await applied(store, begin(order, clock.now()))

    late = await store.apply(cancel(order, clock.now(), ""))

    known = await store.get("o-1")
    assert late is None
    assert known is not None
    assert (known.status, known.version, len(known.pending_events)) == (Status.PROCESSING, 2, 1)


async def test_cancel_and_begin_that_race_have_one_winner(store: OrderStore, clock: ManualClock) -> None:
    for n in range(20):
        order = placed(f"o-{n}", clock.now())
        await store.insert([order])

        moves = await asyncio.gather(
            store.apply(cancel(order, clock.now(), "")), store.apply(begin(order, clock.now()))
        )

        assert sum(move is not None for move in moves) == 1


async def test_the_event_of_a_move_is_stored_with_it(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])

    cancelled = await applied(store, cancel(order, clock.now(), "00-cancel"))

    assert [event.type for event in cancelled.pending_events] == [EventType.CREATED, EventType.CANCELLED]
    assert cancelled.pending_events[1].event_id == "o-1:2"


async def test_a_failure_is_kept(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    processing = await applied(store, begin(order, clock.now()))

    failed = await applied(store, fail(processing, Failure("OUT_OF_STOCK", "Gone."), clock.now()))

    assert failed.failure == Failure("OUT_OF_STOCK", "Gone.")
    assert failed.stock is StockDebt.TO_RELEASE
    assert await store.get("o-1") == failed


async def test_a_users_orders_are_listed_newest_first(store: OrderStore, clock: ManualClock) -> None:
    await store.insert([placed("o-1", clock.now()), placed("o-3", clock.now()), placed("o-2", clock.now())])
    clock.advance(1)
    await store.insert([placed("o-0", clock.now()), placed("o-9", clock.now(), user_id="bob")])

    first = await store.list_by_user("ada", Page(2, None))
    key = (time_key(first[1].create_time), first[1].order_id)
    second = await store.list_by_user("ada", Page(2, key))

    assert [order.order_id for order in first] == ["o-0", "o-3", "o-2"]
    assert [order.order_id for order in second] == ["o-2", "o-1"]


async def test_an_event_is_claimed_by_one_relay_until_its_lease_ends(store: OrderStore, clock: ManualClock) -> None:
    await store.insert([placed(f"o-{n}", clock.now()) for n in range(10)])

    claims = await asyncio.gather(*(store.claim_events(clock.now(), LEASE, 100) for _ in range(4)))
    claimed = [event.event_id for claim in claims for event in claim]
    meanwhile = await store.claim_events(clock.now(), LEASE, 100)
    clock.advance(LEASE.total_seconds())
    after = await store.claim_events(clock.now(), LEASE, 100)

    assert sorted(claimed) == sorted(f"o-{n}:1" for n in range(10))
    assert meanwhile == []
    assert len(after) == 10


async def test_what_is_published_is_not_claimed_again(store: OrderStore, clock: ManualClock) -> None:
    await store.insert([placed("o-1", clock.now())])
    (event,) = await store.claim_events(clock.now(), LEASE, 100)

    await store.record_published("o-1", [event.event_id])

    clock.advance(3_600)
    order = await store.get("o-1")
    assert order is not None
    assert order.pending_events == ()
    assert await store.claim_events(clock.now(), LEASE, 100) == []


async def test_what_was_appended_meanwhile_stays_due(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    (created,) = await store.claim_events(clock.now(), LEASE, 100)
    await applied(store, cancel(order, clock.now(), ""))
    await store.record_published("o-1", [created.event_id])

    (cancelled,) = await store.claim_events(clock.now(), LEASE, 100)

    assert cancelled.type is EventType.CANCELLED


async def test_a_claim_takes_the_longest_due_first_and_is_bounded(store: OrderStore, clock: ManualClock) -> None:
    for n in range(3):
        await store.insert([placed(f"o-{n}", clock.now())])
        clock.advance(1)

    claimed = await store.claim_events(clock.now(), LEASE, 2)

    assert {event.order_id for event in claimed} == {"o-0", "o-1"}


async def test_only_an_order_that_ended_can_be_told(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])

    too_early = await store.record_notified("o-1")
    await processed(store, order, clock.now())
    told = await store.record_notified("o-1")

    assert too_early is None
    assert told is not None
    assert told.notification is NotificationDebt.DONE
    assert await store.record_notified("o-1") == told
    assert await store.record_notified("o-9") is None

"""What every store of orders does for the sweep: which orders are overdue, and what becomes of them."""

import asyncio
from datetime import timedelta

from chassis.testing import ManualClock
from services.orders.order import begin, cancel
from services.orders.store import LOOK_AGAIN, OrderStore
from services.orders.tests.conftest import LEASE, RENEW, SWEEP_AGE
from services.orders.tests.stored import applied, placed, processed


async def test_an_order_is_overdue_until_it_is_settled(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    young = await store.overdue(clock.now() + SWEEP_AGE - timedelta(milliseconds=1), 10)
    clock.advance(SWEEP_AGE.total_seconds())

    pending = await store.overdue(clock.now(), 10)
    done = await processed(store, order, clock.now())
    untold = await store.overdue(clock.now(), 10)
    await store.record_notified("o-1")
    settled = await store.overdue(clock.now(), 10)

    assert young == []
    assert pending == [order]
    assert untold == [done]
    assert settled == []


async def test_a_cancelled_order_is_settled_when_its_stock_is_back_and_its_customer_told(
    store: OrderStore, clock: ManualClock
) -> None:
    for order_id, first in (("o-1", "stock"), ("o-2", "mail")):
        order = placed(order_id, clock.now())
        await store.insert([order])
        await applied(store, cancel(order, clock.now(), ""))
        await (store.record_released(order_id) if first == "stock" else store.record_notified(order_id))
    clock.advance(SWEEP_AGE.total_seconds())
    half_settled = await store.overdue(clock.now(), 10)
    await store.record_notified("o-1")
    await store.record_released("o-2")

    assert len(half_settled) == 2
    assert await store.overdue(clock.now(), 10) == []


async def test_a_sweep_publishes_again_with_intervals_that_double(store: OrderStore, clock: ManualClock) -> None:
    await store.insert([placed("o-1", clock.now())])
    await store.record_published("o-1", ["o-1:1"])
    order = await store.get("o-1")
    assert order is not None
    gaps: list[float] = []
    last = clock.now()
    while len(gaps) < 9:
        clock.advance(30)
        if await store.overdue(clock.now(), 10):
            assert await store.claim_overdue(order, clock.now(), publish=True)
            await store.put_off("o-1", clock.now())
        if await store.claim_events(clock.now(), LEASE, 10):
            await store.record_published("o-1", ["o-1:1"])
            gaps.append((clock.now() - last).total_seconds())
            last = clock.now()

    assert gaps == [60, 30, 60, 120, 240, 480, 960, 1_920, 3_600]


async def test_what_a_sweep_publishes_again_names_the_trace_that_the_order_was_placed_in(
    store: OrderStore, clock: ManualClock
) -> None:
    await store.insert([placed("o-1", clock.now())])
    (first,) = await store.claim_events(clock.now(), LEASE, 10)
    await store.record_published("o-1", ["o-1:1"])
    clock.advance(SWEEP_AGE.total_seconds())
    (order,) = await store.overdue(clock.now(), 10)

    await store.claim_overdue(order, clock.now(), publish=True)

    (again,) = await store.claim_events(clock.now(), LEASE, 10)
    assert again.traceparent == first.traceparent == "00-trace"


async def test_an_order_is_looked_at_often_enough_to_renew_its_hold(store: OrderStore, clock: ManualClock) -> None:
    await store.insert([placed("o-1", clock.now())])
    await store.record_published("o-1", ["o-1:1"])
    order = await store.get("o-1")
    assert order is not None
    gaps: list[float] = []
    last = clock.now()
    while len(gaps) < 30:
        clock.advance(15)
        if await store.overdue(clock.now(), 10):
            assert await store.claim_overdue(order, clock.now(), publish=len(gaps) % 2 == 0)
            await store.put_off("o-1", clock.now())
            gaps.append((clock.now() - last).total_seconds())
            last = clock.now()

    assert max(gaps) <= RENEW.total_seconds()


async def test_what_is_withheld_is_published_by_the_next_look_that_may(store: OrderStore, clock: ManualClock) -> None:
    await store.insert([placed("o-1", clock.now())])
    await store.record_published("o-1", ["o-1:1"])
    order = await store.get("o-1")
    assert order is not None
    clock.advance(SWEEP_AGE.total_seconds())

    assert await store.claim_overdue(order, clock.now(), publish=False)
    await store.put_off("o-1", clock.now())
    withheld = await store.claim_events(clock.now(), LEASE, 10)
    clock.advance(RENEW.total_seconds())
    assert await store.claim_overdue(order, clock.now(), publish=True)
    published = await store.claim_events(clock.now(), LEASE, 10)

    assert (len(withheld), len(published)) == (0, 1)


async def test_an_order_that_was_claimed_and_not_put_off_is_soon_overdue_again(
    store: OrderStore, clock: ManualClock
) -> None:
    """Whoever claimed it died, or could not do what it meant to do."""
    order = placed("o-1", clock.now())
    await store.insert([order])
    clock.advance(SWEEP_AGE.total_seconds())
    assert await store.claim_overdue(order, clock.now(), publish=False)
    clock.advance(LOOK_AGAIN.total_seconds() - 1)
    claimed = await store.overdue(clock.now(), 10)

    clock.advance(1)

    assert claimed == []
    assert await store.overdue(clock.now(), 10) == [order]


async def test_an_order_that_was_settled_while_it_was_looked_after_is_not_looked_at_again(
    store: OrderStore, clock: ManualClock
) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    clock.advance(SWEEP_AGE.total_seconds())
    claim_time = clock.now()
    assert await store.claim_overdue(order, claim_time, publish=True)
    await processed(store, order, clock.now())
    await store.record_notified("o-1")

    await store.put_off("o-1", claim_time)
    clock.advance(24 * 3_600)

    assert await store.overdue(clock.now(), 10) == []


async def test_one_of_many_sweeps_claims_an_order(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    clock.advance(SWEEP_AGE.total_seconds())

    claims = await asyncio.gather(*(store.claim_overdue(order, clock.now(), publish=True) for _ in range(8)))

    assert sum(claims) == 1
    known = await store.get("o-1")
    assert known is not None
    assert len(known.pending_events) == 1, "what is about to be published is not published twice"


async def test_a_sweep_does_not_claim_an_order_that_moved(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    clock.advance(SWEEP_AGE.total_seconds())
    await applied(store, begin(order, clock.now()))

    assert not await store.claim_overdue(order, clock.now(), publish=True)

"""Orders that are late: they are published again, and their stock is held meanwhile."""

import asyncio
from typing import Any

import pytest

from chassis.testing import ManualClock
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.config import OrdersConfig
from services.orders.memory_store import MemoryStore
from services.orders.queue_depth import ASK_AGAIN, BELIEVED, QueueDepth
from services.orders.relay import QueueUnavailable, Relay
from services.orders.store import OrderStore
from services.orders.sweep import LOOKS_PER_SECOND_MAX, ORDERS_MAX, Sweep
from services.orders.tests.conftest import DEPTH_MAX, LEASE, RENEW, SWEEP, SWEEP_AGE
from services.orders.tests.fakes import FakeQueue, FakeStock
from services.orders.tests.stored import placed
from services.orders.tests.test_config import COMPLETE
from services.orders.tests.wire import LAMPS_2, Stub, wanted


async def test_a_swept_order_is_published_again_and_its_hold_renewed(
    stub: Stub, ada: Any, stock: FakeStock, queue: FakeQueue, relay: Relay, sweep: Sweep, clock: ManualClock
) -> None:
    await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    await relay.publish_due()
    clock.advance(SWEEP_AGE.total_seconds())

    swept = await sweep.once()
    await relay.publish_due()

    assert swept == 1
    assert len(queue.events) == 2
    assert stock.reserve_calls == 2


async def test_one_order_in_trouble_does_not_keep_the_sweep_from_the_others(
    stub: Stub, ada: Any, stock: FakeStock, queue: FakeQueue, relay: Relay, sweep: Sweep, clock: ManualClock
) -> None:
    orders = [await stub.CreateOrder(wanted(*LAMPS_2, key=f"k-{n}"), metadata=ada) for n in range(3)]
    await relay.publish_due()
    clock.advance(SWEEP_AGE.total_seconds())
    stock.confused_about = orders[0].order_id

    swept = await sweep.once()
    await relay.publish_due()

    assert swept == 3
    assert len(queue.events) == 6


async def test_two_sweeps_at_once_look_after_each_order_once(
    stub: Stub,
    ada: Any,
    store: OrderStore,
    stock: FakeStock,
    queue: FakeQueue,
    relay: Relay,
    sweep: Sweep,
    clock: ManualClock,
) -> None:
    count = 20
    for n in range(count):
        await stub.CreateOrder(wanted(*LAMPS_2, key=f"k-{n}"), metadata=ada)
    await relay.publish_due()
    clock.advance(SWEEP_AGE.total_seconds())
    elsewhere = Sweep(store, stock, queue, Relay(store, queue, clock, LEASE, DEPTH_MAX), clock, DEPTH_MAX // 2)

    found = await asyncio.gather(sweep.once(), elsewhere.once())
    await relay.publish_due()

    assert list(found) == [count, count]
    assert len(queue.events) == 2 * count
    assert stock.reserve_calls == 2 * count


async def test_while_publishing_is_withheld_a_hold_is_renewed_as_often_as_otherwise(
    store: OrderStore, stock: FakeStock, queue: FakeQueue, sweep: Sweep, clock: ManualClock
) -> None:
    await store.insert([placed("o-1", clock.now())])
    queue.waiting = DEPTH_MAX

    assert await renewals(sweep, stock, clock) == list(range(60, 3_600, int(RENEW.total_seconds())))


async def renewals(sweep: Sweep, stock: FakeStock, clock: ManualClock) -> list[int]:
    """When, in an hour from now, inventory is asked for a hold."""
    asked: list[int] = []
    for seconds in range(0, 3_600, 5):
        before = stock.reserve_calls
        await sweep.once()
        asked += [seconds] * (stock.reserve_calls - before)
        clock.advance(5)
    return asked


HOLD_SECONDS = ("900", "10")
"""The default, and the fault rig's."""


class Shop:
    """One order that nobody processes, in a shop with these times. The clock goes on in steps that divide nothing."""

    def __init__(self, hold_seconds: str) -> None:
        values = {**COMPLETE, "HOLD_SECONDS": hold_seconds, "SWEEP_AGE_SECONDS": "60" if hold_seconds == "900" else "5"}
        self.times = OrdersConfig.from_environment(values).sweep
        self.hold_seconds = float(hold_seconds)
        self.step_seconds = 0.0073 * self.hold_seconds
        self.clock, self.stock, queue = ManualClock(), FakeStock(), FakeQueue()
        self.store = MemoryStore(self.times)
        self.sweep = Sweep(
            self.store, self.stock, queue, Relay(self.store, queue, self.clock, LEASE, DEPTH_MAX), self.clock, DEPTH_MAX
        )

    async def seconds_until_renewed(self) -> float:
        """How long it takes until the hold is renewed the next time."""
        seconds, calls = 0.0, self.stock.reserve_calls
        while self.stock.reserve_calls == calls:
            await self.pass_(self.step_seconds)
            seconds += self.step_seconds
        return seconds

    async def pass_(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.sweep.once()


@pytest.mark.parametrize("hold_seconds", HOLD_SECONDS)
async def test_a_hold_outlives_two_renewals_that_fail(hold_seconds: str) -> None:
    shop = Shop(hold_seconds)
    await shop.store.insert([placed("o-1", shop.clock.now())])
    gaps: list[float] = []

    for _ in range(20):
        shop.stock.failures_left = 2
        gaps.append(await shop.seconds_until_renewed())

    assert max(gaps) < shop.hold_seconds / 2


@pytest.mark.parametrize("hold_seconds", HOLD_SECONDS)
async def test_a_hold_is_renewed_soon_after_an_outage_of_inventory(hold_seconds: str) -> None:
    shop = Shop(hold_seconds)
    await shop.store.insert([placed("o-1", shop.clock.now())])
    shop.stock.is_down = True
    for _ in range(600):
        await shop.pass_(shop.step_seconds)

    shop.stock.is_down = False
    seconds = await shop.seconds_until_renewed()

    assert seconds <= shop.times.look_again.total_seconds() + shop.step_seconds
    assert shop.times.look_again.total_seconds() <= min(30, shop.hold_seconds / 16)


async def test_a_hold_that_is_gone_with_its_stock_is_not_asked_for_more_often(
    stock: FakeStock, queue: FakeQueue, sweep: Sweep, store: OrderStore, clock: ManualClock
) -> None:
    await store.insert([placed("o-1", clock.now())])
    stock.available = 0
    queue.waiting = DEPTH_MAX

    assert await renewals(sweep, stock, clock) == list(range(60, 3_600, int(RENEW.total_seconds())))


async def test_two_sweeps_do_not_rest_while_orders_are_overdue(store: OrderStore, clock: ManualClock) -> None:
    """The ten rounds that 2,000 orders take, and as many again for those at which the two met."""
    count = 2_000
    stock, queue = FakeStock(available=2 * count), FakeQueue()
    await store.insert([placed(f"o-{n}", clock.now()) for n in range(count)])
    clock.advance(SWEEP_AGE.total_seconds())
    rests: list[float] = []
    all_rest = asyncio.Barrier(3)

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        if not await store.overdue(clock.now(), 1):
            await all_rest.wait()
        await asyncio.sleep(0)

    sweeps = [Sweep(store, stock, queue, Relay(store, queue, clock, LEASE, DEPTH_MAX), clock, 1) for _ in range(2)]
    running = [asyncio.create_task(sweep.run(SWEEP, rest)) for sweep in sweeps]
    await all_rest.wait()
    for run in running:
        run.cancel()
    await asyncio.gather(*running, return_exceptions=True)

    assert stock.reserve_calls == count
    assert max(rests[:-2]) <= ORDERS_MAX / LOOKS_PER_SECOND_MAX
    assert len(rests) <= 20


class BlackHole(FakeQueue):
    """A queue that swallows questions, but for the first."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.given_up = asyncio.Event()

    async def depth(self) -> int:
        self.asked += 1
        if self.asked > 1:
            await self.given_up.wait()
            raise QueueUnavailable("it took too long")
        return 0


async def test_a_queue_that_swallows_questions_does_not_hold_up_the_looks(
    store: OrderStore, stock: FakeStock, clock: ManualClock
) -> None:
    queue = BlackHole()
    sweep = Sweep(store, stock, queue, Relay(store, queue, clock, LEASE, DEPTH_MAX), clock, DEPTH_MAX // 2)
    await store.insert([placed("o-1", clock.now())])
    clock.advance(SWEEP_AGE.total_seconds())
    await sweep.once()
    await store.insert([placed("o-2", clock.now() - SWEEP_AGE)])
    clock.advance(ASK_AGAIN.total_seconds())

    await sweep.once()
    queue.given_up.set()

    assert (queue.asked, stock.reserve_calls) == (2, 2)


async def test_the_queue_is_asked_again_only_after_a_while(clock: ManualClock) -> None:
    queue = BlackHole()
    depth = QueueDepth(queue, clock, DEPTH_MAX // 2)
    answers = [await depth.is_late() for _ in range(3)]

    clock.advance((ASK_AGAIN + BELIEVED).total_seconds())
    queue.given_up.set()
    answers.append(await depth.is_late())

    assert answers == [False, False, False, True]
    assert queue.asked == 2


async def test_an_order_that_ended_and_was_not_told_is_published_again_without_a_hold(
    stub: Stub,
    ada: Any,
    worker: Any,
    stock: FakeStock,
    queue: FakeQueue,
    relay: Relay,
    sweep: Sweep,
    clock: ManualClock,
) -> None:
    """Its message was lost after it was processed, before the mail."""
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    await relay.publish_due()
    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)
    clock.advance(SWEEP_AGE.total_seconds())

    swept = await sweep.once()
    await relay.publish_due()
    await stub.ConfirmNotification(pb.ConfirmNotificationRequest(order_id=order.order_id), metadata=worker)
    clock.advance(24 * 3_600)

    assert (swept, await sweep.once()) == (1, 0)
    assert len(queue.events) == 2
    assert stock.reserve_calls == 1


@pytest.mark.parametrize(("waiting", "is_down"), [(DEPTH_MAX // 2 + 1, False), (0, True)])
async def test_a_late_queue_is_not_made_deeper_and_holds_are_renewed_all_the_same(
    stub: Stub,
    ada: Any,
    stock: FakeStock,
    queue: FakeQueue,
    relay: Relay,
    sweep: Sweep,
    clock: ManualClock,
    waiting: int,
    is_down: bool,
) -> None:
    await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    await relay.publish_due()
    clock.advance(SWEEP_AGE.total_seconds())
    queue.waiting, queue.is_down = waiting, is_down

    await sweep.once()
    queue.waiting, queue.is_down = 0, False
    await relay.publish_due()

    assert len(queue.events) == 1
    assert stock.reserve_calls == 2

"""The relay: what the queue has is forgotten, exactly that, and the rest is tried again."""

import asyncio
from collections.abc import Collection, Sequence

import pytest

from chassis.background import running
from chassis.testing import ManualClock
from services.orders.order import Event, cancel
from services.orders.relay import BATCH_EVENTS_MAX, BATCHES_AT_ONCE_MAX, QueueUnavailable, Relay
from services.orders.store import OrderStore
from services.orders.tests.conftest import DEPTH_MAX, LEASE
from services.orders.tests.fakes import FakeQueue
from services.orders.tests.stored import placed


class SlowQueue(FakeQueue):
    """A queue that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.let = asyncio.Event()

    async def publish(self, events: Sequence[Event]) -> Collection[str]:
        self.begun.set()
        await self.let.wait()
        return await super().publish(events)


class LateQueue(SlowQueue):
    """A queue that has the events at once, and says so when it is let."""

    async def publish(self, events: Sequence[Event]) -> Collection[str]:
        accepted = await FakeQueue.publish(self, events)
        self.begun.set()
        await self.let.wait()
        return accepted


async def test_events_go_out_in_batches(store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock) -> None:
    count = 2 * BATCH_EVENTS_MAX + 3
    await store.insert([placed(f"o-{n}", clock.now()) for n in range(count)])

    published = await relay.publish_due()

    assert published == count
    assert len({event.event_id for event in queue.events}) == count


async def test_what_the_queue_refused_is_tried_again_after_the_lease(
    store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock
) -> None:
    await store.insert([placed(f"o-{n}", clock.now()) for n in range(3)])
    queue.refused = {"o-1:1"}
    await relay.publish_due()
    queue.refused = set()
    at_once = await relay.publish_due()
    clock.advance(LEASE.total_seconds())

    later = await relay.publish_due()

    assert (at_once, later) == (0, 1)
    assert sorted(event.event_id for event in queue.events) == ["o-0:1", "o-1:1", "o-2:1"]


async def test_nothing_is_lost_when_the_queue_is_down(
    store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock
) -> None:
    await store.insert([placed("o-1", clock.now())])
    queue.is_down = True
    with pytest.raises(QueueUnavailable):
        await relay.publish_due()
    queue.is_down = False
    clock.advance(LEASE.total_seconds())

    assert await relay.publish_due() == 1


async def test_two_relays_publish_each_event_once(store: OrderStore, queue: FakeQueue, clock: ManualClock) -> None:
    relays = [Relay(store, queue, clock, LEASE, DEPTH_MAX) for _ in range(2)]
    await store.insert([placed(f"o-{n}", clock.now()) for n in range(50)])

    await asyncio.gather(*(relay.publish_due() for relay in relays))

    assert len(queue.events) == len({event.event_id for event in queue.events}) == 50


async def test_a_relay_wakes_when_something_was_written(
    store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock
) -> None:
    async with running(asyncio.create_task(relay.run())):
        await store.insert([placed("o-1", clock.now())])
        relay.wake()

        await asyncio.wait_for(queue.arrived.wait(), 5)

    assert [event.event_id for event in queue.events] == ["o-1:1"]


async def test_what_the_queue_has_no_room_for_waits_in_the_outbox(
    store: OrderStore, queue: FakeQueue, clock: ManualClock
) -> None:
    relay = Relay(store, queue, clock, LEASE, depth_max=10)
    await store.insert([placed(f"o-{n:02}", clock.now()) for n in range(15)])
    queue.waiting = 4

    first = await relay.publish_due()
    queue.waiting = 10
    held_back = await relay.publish_due()
    queue.waiting = 0
    rest = await relay.publish_due()

    assert (first, held_back, rest) == (6, 0, 9)
    assert len({event.event_id for event in queue.events}) == 15


async def test_two_relays_publish_each_event_once_though_the_queue_is_slow(
    store: OrderStore, clock: ManualClock
) -> None:
    """What could not be sent in good time is not sent late: somebody else may have claimed it by then."""
    slow, count = SlowQueue(), 3 * BATCHES_AT_ONCE_MAX * BATCH_EVENTS_MAX
    here, there = (Relay(store, slow, clock, LEASE, DEPTH_MAX) for _ in range(2))
    await store.insert([placed(f"o-{n:03}", clock.now()) for n in range(count)])
    publishing = asyncio.create_task(here.publish_due())
    await slow.begun.wait()
    clock.advance(0.6 * LEASE.total_seconds())
    slow.let.set()
    await publishing
    in_time = len(slow.events)
    clock.advance(LEASE.total_seconds())

    while await there.publish_due():
        pass

    assert in_time == BATCHES_AT_ONCE_MAX * BATCH_EVENTS_MAX
    assert len({event.event_id for event in slow.events}) == len(slow.events) == count


async def test_a_relay_that_stops_while_it_sends_leaves_nothing_to_be_sent_again(
    store: OrderStore, queue: FakeQueue, clock: ManualClock
) -> None:
    late = LateQueue()
    here, there = (Relay(store, sent_to, clock, LEASE, DEPTH_MAX) for sent_to in (late, queue))
    await store.insert([placed("o-1", clock.now())])
    stopping = asyncio.create_task(here.run())
    await late.begun.wait()
    stopping.cancel()
    late.let.set()
    await asyncio.wait([stopping])
    clock.advance(LEASE.total_seconds())

    assert await there.publish_due() == 0
    assert stopping.cancelled()


async def test_a_cancellation_that_comes_while_the_order_is_published_publishes_nothing_twice(
    store: OrderStore, queue: FakeQueue, clock: ManualClock
) -> None:
    slow = SlowQueue()
    here, there = Relay(store, slow, clock, LEASE, DEPTH_MAX), Relay(store, queue, clock, LEASE, DEPTH_MAX)
    order = placed("o-1", clock.now())
    await store.insert([order])
    publishing = asyncio.create_task(here.publish_due())
    await slow.begun.wait()
    clock.advance(1)
    await store.apply(cancel(order, clock.now(), ""))

    meanwhile = await there.publish_due()
    slow.let.set()
    await publishing
    afterwards = await there.publish_due()

    assert (meanwhile, afterwards) == (0, 1)
    assert [event.event_id for event in (*slow.events, *queue.events)] == ["o-1:1", "o-1:2"]


async def test_an_orders_events_go_out_in_one_batch(
    store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock
) -> None:
    """Else what is recorded of one batch would let another relay claim what is in the next."""
    orders = [placed(f"o-{n}", clock.now()) for n in range(BATCH_EVENTS_MAX)]
    await store.insert(orders)
    for order in orders[-3:]:
        await store.apply(cancel(order, clock.now(), ""))

    await relay.publish_due()

    batches = [[event.order_id for event in batch] for batch in queue.batches]
    assert sum(map(len, batches)) == BATCH_EVENTS_MAX + 3
    assert max(map(len, batches)) <= BATCH_EVENTS_MAX
    assert len({order_id for batch in batches for order_id in set(batch)}) == sum(len(set(batch)) for batch in batches)


async def test_of_one_order_exactly_what_the_queue_took_is_forgotten(
    store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock
) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    await store.apply(cancel(order, clock.now(), ""))
    queue.refused = {"o-1:1"}
    await relay.publish_due()
    known = await store.get("o-1")
    queue.refused = set()

    await relay.publish_due()

    assert known is not None
    assert [event.event_id for event in known.pending_events] == ["o-1:1"]
    assert sorted(event.event_id for event in queue.events) == ["o-1:1", "o-1:2"]
    assert await relay.publish_due() == 0

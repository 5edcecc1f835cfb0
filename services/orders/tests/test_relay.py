"""The relay: what the queue has is forgotten, exactly that, and the rest is tried again."""

import asyncio

import pytest

from chassis.background import running
from chassis.testing import ManualClock
from services.orders.relay import BATCH_EVENTS_MAX, QueueUnavailable, Relay
from services.orders.store import OrderStore
from services.orders.tests.conftest import DEPTH_MAX, LEASE
from services.orders.tests.fakes import FakeQueue
from services.orders.tests.test_store import placed


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

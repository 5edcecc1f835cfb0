"""Following orders: through a real server, across replicas, and when nobody tells them of changes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest
from redis.asyncio import Redis

from chassis.background import cancel_until_over
from chassis.errors import read_details
from chassis.redis import RedisConfig, open_redis
from chassis.streams import OPEN_KEY
from chassis.testing import ManualClock, TestIssuer, bearer, served
from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub
from services.orders import watchers as watchers_module
from services.orders.app import build_orders
from services.orders.cache import MemoryCache
from services.orders.changes import CHANNEL, Changes, ChangesDown, MemoryChanges, RedisChanges
from services.orders.memory_store import MemoryStore
from services.orders.order import Order, begin, cancel
from services.orders.relay import Relay
from services.orders.store import OrderStore
from services.orders.tests.conftest import DEPTH_MAX, LEASE, SWEEP
from services.orders.tests.fakes import FakeQueue, FakeStock
from services.orders.tests.stored import applied, placed, processed
from services.orders.tests.wire import LAMPS_2, Stub, wanted
from services.orders.watchers import READ_ORDERS_MAX, UNTOLD_ORDERS_MAX, Watchers

PATIENCE_SECONDS = 5.0
PENDING, PROCESSING, PROCESSED = pb.Order.PENDING, pb.Order.PROCESSING, pb.Order.PROCESSED


async def order_of(stub: Stub, who: Any) -> str:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=who)
    return order.order_id


def watch(stub: Stub, who: Any, order_id: str, after: int = 0) -> Any:
    return stub.WatchOrder(pb.WatchOrderRequest(order_id=order_id, after_version=after), metadata=who)


async def seen(stream: Any) -> list[tuple[int, int]]:
    """Version and status of all that a stream brings until it ends."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [(order.version, order.status) for order in await rest(stream)]


async def rest(stream: Any) -> list[pb.Order]:
    orders = []
    while (order := await stream.read()) is not grpc.aio.EOF:
        orders.append(order)
    return orders


async def refusal(stream: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await seen(stream)
    return caught.value.code(), read_details(caught.value).reason


async def test_who_watches_sees_the_order_as_it_is_and_every_version_that_comes(
    stub: Stub, ada: Any, worker: Any
) -> None:
    order_id = await order_of(stub, ada)
    stream = watch(stub, ada, order_id)
    first = await stream.read()

    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order_id), metadata=worker)

    assert (first.version, first.status, first.order_id) == (1, PENDING, order_id)
    assert await seen(stream) == [(2, PROCESSING), (3, PROCESSED)]


async def test_each_version_is_the_whole_order_as_it_was(stub: Stub, ada: Any, worker: Any) -> None:
    order_id = await order_of(stub, ada)
    stream = watch(stub, ada, order_id)
    first = await stream.read()

    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order_id), metadata=worker)
    second, third = await rest(stream)

    assert [len(order.history) for order in (first, second, third)] == [1, 2, 3]
    assert second.update_time == second.history[-1].time == third.history[1].time
    assert second.items == third.items == first.items
    assert third == await stub.GetOrder(pb.GetOrderRequest(order_id=order_id), metadata=ada)


async def test_who_comes_when_it_is_over_sees_the_end_and_no_more(stub: Stub, ada: Any, worker: Any) -> None:
    order_id = await order_of(stub, ada)
    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order_id), metadata=worker)

    assert await seen(watch(stub, ada, order_id)) == [(3, PROCESSED)]


@pytest.mark.parametrize(("after", "missed"), [(1, [(2, PROCESSING), (3, PROCESSED)]), (2, [(3, PROCESSED)]), (3, [])])
async def test_who_comes_back_sees_what_they_missed(
    stub: Stub, ada: Any, worker: Any, after: int, missed: list[tuple[int, int]]
) -> None:
    order_id = await order_of(stub, ada)
    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order_id), metadata=worker)

    assert await seen(watch(stub, ada, order_id, after)) == missed


async def test_who_missed_nothing_hears_that_they_were_let_in(stub: Stub, ada: Any, worker: Any) -> None:
    order_id = await order_of(stub, ada)

    stream = watch(stub, ada, order_id, after=1)
    greeting = tuple(await stream.initial_metadata())
    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order_id), metadata=worker)

    assert (OPEN_KEY, "true") in greeting
    assert await seen(stream) == [(2, PROCESSING), (3, PROCESSED)]


async def test_who_watches_an_order_that_has_ended_is_not_told_that_more_will_come(
    stub: Stub, ada: Any, worker: Any
) -> None:
    order_id = await order_of(stub, ada)
    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order_id), metadata=worker)

    assert OPEN_KEY not in dict(await watch(stub, ada, order_id, after=3).initial_metadata())


@pytest.mark.parametrize("after", [-1, 2, 2**31 - 1])
async def test_nobody_can_have_seen_a_version_that_never_was(stub: Stub, ada: Any, after: int) -> None:
    order_id = await order_of(stub, ada)

    answer = await refusal(watch(stub, ada, order_id, after))

    assert answer == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


async def test_a_foreign_order_cannot_be_watched_and_looks_like_a_missing_one(
    stub: Stub, ada: Any, issuer: TestIssuer
) -> None:
    order_id = await order_of(stub, ada)
    bob = bearer(issuer.user("bob"))

    answers = [await refusal(watch(stub, bob, wanted)) for wanted in (order_id, order_id[::-1], "no-id")]

    assert answers == [(grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")] * 3


async def test_an_admin_watches_anybodys_order(stub: Stub, ada: Any, issuer: TestIssuer) -> None:
    order_id = await order_of(stub, ada)

    stream = watch(stub, bearer(issuer.admin()), order_id)

    assert (await stream.read()).user_id == "ada"
    stream.cancel()


async def test_a_ticket_shows_nobody_elses_order(stub: Stub, ada: Any, issuer: TestIssuer) -> None:
    order_id = await order_of(stub, ada)
    bobs_ticket = (("authorization", f"Ticket {issuer.ticket('bob', order_id)}"),)

    assert await refusal(watch(stub, bobs_ticket, order_id)) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_a_hundred_who_watch_one_order_all_see_its_end(stub: Stub, ada: Any, watchers: Watchers) -> None:
    order_id = await order_of(stub, ada)
    streams = [watch(stub, ada, order_id) for _ in range(100)]
    for stream in streams:
        assert (await stream.read()).version == 1

    await stub.CancelOrder(pb.CancelOrderRequest(order_id=order_id), metadata=ada)

    assert [await seen(stream) for stream in streams] == [[(2, pb.Order.CANCELLED)]] * 100


class Replica:
    """One process of orders, as far as watching goes."""

    def __init__(self, store: OrderStore, changes: Changes, stub: Stub) -> None:
        self.watchers = Watchers(store, changes)
        self.stub = stub


@asynccontextmanager
async def replica_of(store: OrderStore, changes: Changes, issuer: TestIssuer) -> AsyncIterator[Replica]:
    clock, stock = ManualClock(), FakeStock()
    relay = Relay(store, FakeQueue(), clock, LEASE, DEPTH_MAX)
    watchers = Watchers(store, changes)
    loops = [asyncio.create_task(loop()) for loop in (watchers.hear, watchers.tell, watchers.read)]
    try:
        async with served(build_orders(store, stock, MemoryCache(), relay, watchers, clock), issuer=issuer) as channel:
            replica = Replica(store, changes, OrderServiceStub(channel))
            replica.watchers = watchers
            yield replica
    finally:
        await cancel_until_over(loops, PATIENCE_SECONDS)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(RedisConfig(redis_url)) as redis:
        yield redis


async def followed_by(redis: Redis, replicas: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while dict(await redis.pubsub_numsub(CHANNEL)).get(CHANNEL.encode()) != replicas:
            await asyncio.sleep(0.01)


async def test_what_one_replica_does_is_seen_at_the_other(
    store: OrderStore, redis: Redis, issuer: TestIssuer, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers_module, "POLL_SECONDS", 3600.0)
    async with (
        replica_of(store, RedisChanges(redis), issuer) as here,
        replica_of(store, RedisChanges(redis), issuer) as there,
    ):
        await followed_by(redis, 2)
        order_id = await order_of(here.stub, ada)
        stream = watch(there.stub, ada, order_id)
        assert (await stream.read()).version == 1

        await here.stub.CancelOrder(pb.CancelOrderRequest(order_id=order_id), metadata=ada)

        assert await seen(stream) == [(2, pb.Order.CANCELLED)]


async def test_when_nobody_tells_it_is_seen_later(
    store: OrderStore, issuer: TestIssuer, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers_module, "POLL_SECONDS", 0.05)
    changes = MemoryChanges()
    changes.go_down()
    async with replica_of(store, changes, issuer) as here, replica_of(store, changes, issuer) as there:
        order_id = await order_of(here.stub, ada)
        stream = watch(there.stub, ada, order_id)
        assert (await stream.read()).version == 1

        await here.stub.CancelOrder(pb.CancelOrderRequest(order_id=order_id), metadata=ada)

        assert await seen(stream) == [(2, pb.Order.CANCELLED)]


async def test_what_changed_while_nothing_was_heard_is_read_when_it_is_heard_again(clock: ManualClock) -> None:
    store, changes = MemoryStore(SWEEP), MemoryChanges()
    watchers = Watchers(store, changes)
    order = placed("o-1", clock.now())
    await store.insert([order])
    with watchers.watching("o-1") as watch:
        await applied(store, cancel(order, clock.now(), ""))

        hearing = asyncio.create_task(watchers.hear())
        reading = asyncio.create_task(watchers.read())
        newest = await asyncio.wait_for(watch.newer_than(1), PATIENCE_SECONDS)

    await cancel_until_over([hearing, reading], PATIENCE_SECONDS)
    assert newest.version == 2


async def test_a_move_between_two_looks_is_not_missed(clock: ManualClock) -> None:
    """Whoever watches is known before the order is read."""
    store = MemoryStore(SWEEP)
    watchers = Watchers(store, MemoryChanges())
    order = placed("o-1", clock.now())
    await store.insert([order])

    with watchers.watching("o-1") as watch:
        before = await store.get("o-1")
        watchers.moved(await processed(store, order, clock.now()))
        newest = await asyncio.wait_for(watch.newer_than(1), PATIENCE_SECONDS)

    assert (before and before.version, newest.version) == (1, 3)


async def test_news_that_come_late_change_nothing(clock: ManualClock) -> None:
    store = MemoryStore(SWEEP)
    watchers = Watchers(store, MemoryChanges())
    order = placed("o-1", clock.now())
    await store.insert([order])
    old = await applied(store, begin(order, clock.now()))
    new = await store.get("o-1")
    assert new is not None

    with watchers.watching("o-1") as watch:
        watchers.moved(new)
        watchers.moved(order)

        assert await watch.newer_than(1) == old


class Reads(MemoryStore):
    """Notes what it is asked for many at once."""

    def __init__(self) -> None:
        super().__init__(SWEEP)
        self.asked: list[int] = []

    async def get_many(self, order_ids: Any) -> list[Order]:
        self.asked.append(len(order_ids))
        return await super().get_many(order_ids)


def all_watched(watchers: Watchers, stack: ExitStack, number: int) -> Iterator[str]:
    for index in range(number):
        stack.enter_context(watchers.watching(f"o-{index}"))
        yield f"o-{index}"


async def test_what_changes_together_is_read_together() -> None:
    store = Reads()
    watchers = Watchers(store, MemoryChanges())
    with ExitStack() as stack:
        ids = list(all_watched(watchers, stack, READ_ORDERS_MAX + 1))

        watchers.heard([*ids, *ids])
        await watchers.read_unread()

    assert sorted(store.asked) == [1, READ_ORDERS_MAX]


async def test_what_nobody_watches_is_not_read() -> None:
    store = Reads()
    watchers = Watchers(store, MemoryChanges())
    with watchers.watching("o-1"):
        pass

    watchers.heard(["o-1", "o-2"])
    await watchers.read_unread()

    assert store.asked == []


async def test_while_nobody_can_be_told_no_more_is_kept_than_the_limit(clock: ManualClock) -> None:
    changes = MemoryChanges()
    watchers = Watchers(MemoryStore(SWEEP), changes)
    told: list[str] = []
    following = asyncio.create_task(changes.follow(told.extend, lambda: None))
    await asyncio.sleep(0)

    for index in range(UNTOLD_ORDERS_MAX + 1):
        watchers.moved(placed(f"o-{index}", clock.now()))
    await watchers.tell_untold()

    await cancel_until_over([following], PATIENCE_SECONDS)
    assert len(told) == UNTOLD_ORDERS_MAX


async def test_a_redis_that_is_away_is_said_to_be() -> None:
    async with open_redis(RedisConfig("redis://127.0.0.1:1/0")) as nowhere:
        changes = RedisChanges(nowhere)

        with pytest.raises(ChangesDown):
            await changes.publish(["o-1"])
        with pytest.raises(ChangesDown):
            await changes.follow(lambda _: None, lambda: None)


async def test_what_is_no_order_id_on_the_channel_does_no_harm(redis: Redis) -> None:
    heard: list[str] = []
    subscribed = asyncio.Event()
    following = asyncio.create_task(RedisChanges(redis).follow(heard.extend, subscribed.set))
    await asyncio.wait_for(subscribed.wait(), PATIENCE_SECONDS)

    await redis.publish(CHANNEL, b"\xff\xfe o-1")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "o-1" not in heard:
            await asyncio.sleep(0.01)

    await cancel_until_over([following], PATIENCE_SECONDS)
    assert len(heard) == 2

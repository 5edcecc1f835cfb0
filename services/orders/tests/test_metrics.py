"""What orders counts: each thing that happened once, however often it is asked for."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from chassis.call import Identity
from chassis.mongo import Database
from chassis.redis import RedisConfig, open_redis
from chassis.testing import ManualClock
from chassis.tests.counted import counts, value
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders import mongo_store as mongo_module
from services.orders.cache import FAILURES_MAX, RedisCache
from services.orders.create_order import OrderRequest, create_order
from services.orders.memory_store import MemoryStore
from services.orders.mongo_store import MongoStore
from services.orders.order import Line, Order, begin, order_id_of
from services.orders.relay import QueueUnavailable, Relay
from services.orders.store import OrderStore, Outbox
from services.orders.sweep import Sweep
from services.orders.tests.conftest import LEASE, SWEEP, SWEEP_AGE
from services.orders.tests.fakes import FakeQueue, FakeStock
from services.orders.tests.stored import applied, placed
from services.orders.tests.wire import LAMPS_2, Stub, wanted
from services.orders.watch_outbox import look

MOVES = "ordermesh_orders_moves_total"
REFUSALS = "ordermesh_orders_refusals_total"
REPLAYS = "ordermesh_orders_replays_total"
AGE = "ordermesh_orders_outbox_age_seconds"
ORDERS = "ordermesh_orders_outbox_orders"
READS = "ordermesh_orders_cache_reads_total"


async def test_fifty_twins_are_one_order_and_forty_nine_replays(stub: Stub, ada: Any) -> None:
    with counts(1, MOVES, status="PENDING"), counts(49, REPLAYS):
        await asyncio.gather(*(stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada) for _ in range(50)))


class SlowStore(MemoryStore):
    """Inserts when it is let."""

    def __init__(self) -> None:
        super().__init__(SWEEP)
        self.begun, self.let = asyncio.Event(), asyncio.Event()

    async def insert(self, orders: Sequence[Order]) -> list[bool]:
        self.begun.set()
        await self.let.wait()
        return await super().insert(orders)


async def test_an_order_is_counted_although_its_customer_has_left(clock: ManualClock, stock: FakeStock) -> None:
    store = SlowStore()
    ada = Identity("user", "ada", "customer", "ada@example.com", "s-1", clock.now())
    request = OrderRequest(ada, (Line("LAMP", 1),), "k-1", "", "")
    placing = asyncio.create_task(create_order(store, stock, clock, lambda: None, request))
    await store.begun.wait()

    with counts(1, MOVES, status="PENDING"):
        placing.cancel()
        await asyncio.wait([placing])
        store.let.set()
        while await store.get(order_id_of("ada", "k-1")) is None:
            await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_an_order_that_is_processed_again_moves_once(stub: Stub, ada: Any, worker: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    with counts(1, MOVES, status="PROCESSING"), counts(1, MOVES, status="PROCESSED"):
        for _ in range(3):
            await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)


async def test_workers_that_race_move_an_order_once(stub: Stub, ada: Any, worker: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.ProcessOrderRequest(order_id=order.order_id)

    with counts(1, MOVES, status="PROCESSING"), counts(1, MOVES, status="PROCESSED"):
        await asyncio.gather(*(stub.ProcessOrder(request, metadata=worker) for _ in range(10)))


async def test_an_order_that_fails_is_counted_as_failed(stub: Stub, ada: Any, worker: Any, stock: FakeStock) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    stock.lose(order.order_id)

    with counts(1, MOVES, status="FAILED"), counts(0, MOVES, status="PROCESSED"):
        for _ in range(2):
            await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)


async def test_an_order_that_is_cancelled_again_moves_once(stub: Stub, ada: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    with counts(1, MOVES, status="CANCELLED"):
        for _ in range(2):
            await stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ada)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (wanted(("LAMP", 101), key="k-2"), "OUT_OF_STOCK"),
        (wanted(("LAMP", 3), key="k-1"), "IDEMPOTENCY_KEY_REUSED"),
        (wanted(), "INVALID_REQUEST"),
    ],
)
async def test_what_is_refused_is_counted_by_its_reason(
    stub: Stub, ada: Any, request_: pb.CreateOrderRequest, reason: str
) -> None:
    await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    with (
        counts(1, REFUSALS, reason=reason),
        counts(0, MOVES, status="PENDING"),
        counts(0, REPLAYS),
        pytest.raises(grpc.aio.AioRpcError),
    ):
        await stub.CreateOrder(request_, metadata=ada)


async def test_only_what_the_queue_confirmed_is_published(
    store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock
) -> None:
    await store.insert([placed(f"o-{n}", clock.now()) for n in range(3)])
    queue.refused = {"o-1:1"}

    with counts(2, "ordermesh_orders_events_published_total"):
        await relay.publish_due()


async def test_orders_that_the_sweep_looks_after_are_counted(
    store: OrderStore, sweep: Sweep, clock: ManualClock
) -> None:
    await store.insert([placed("o-1", clock.now())])

    with counts(1, "ordermesh_orders_swept_total"):
        await sweep.once()
        clock.advance(SWEEP_AGE.total_seconds())
        await sweep.once()
        await sweep.once()


async def test_the_outbox_is_as_old_as_its_oldest_event(
    store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock
) -> None:
    await store.insert([placed("o-1", clock.now())])
    clock.advance(30)
    await store.insert([placed("o-2", clock.now())])
    clock.advance(10)

    await look(store, clock)
    before = value(ORDERS), value(AGE)
    await relay.publish_due()
    await look(store, clock)

    assert before == (2, 40)
    assert (value(ORDERS), value(AGE)) == (0, 0)


async def test_an_event_that_is_claimed_again_and_again_grows_old(
    store: OrderStore, relay: Relay, queue: FakeQueue, clock: ManualClock
) -> None:
    """Each claim puts off when it is due; how long it waits is not told by that."""
    await store.insert([placed("o-1", clock.now())])
    await relay.publish_due()
    await store.insert([placed("o-2", clock.now())])
    queue.is_down = True
    for _ in range(5):
        with pytest.raises(QueueUnavailable):
            await relay.publish_due()
        clock.advance(LEASE.total_seconds() + 1)

    await look(store, clock)

    assert value(AGE) == 5 * (LEASE.total_seconds() + 1)


async def test_a_clock_that_is_behind_makes_no_negative_age(store: OrderStore, clock: ManualClock) -> None:
    await store.insert([placed("o-1", clock.now())])
    clock.advance(-5)

    await look(store, clock)

    assert value(AGE) == 0


async def test_the_outbox_is_counted_up_to_a_bound(
    mongo_store: MongoStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_module, "OUTBOX_ORDERS_MAX", 2)
    await mongo_store.insert([placed(f"o-{n}", clock.now()) for n in range(3)])

    assert await mongo_store.outbox() == Outbox(2, clock.now())


async def test_the_outbox_is_found_in_its_index(
    mongo_store: MongoStore, database: Database, clock: ManualClock
) -> None:
    """However many orders there are, only those that wait are looked at."""
    for n in range(200):
        order = placed(f"o-{n:03}", clock.now())
        await mongo_store.insert([order])
        if n >= 3:
            await mongo_store.record_published(order.order_id, [f"{order.order_id}:1"])
    await database.command("profile", 2)
    await mongo_store.outbox()
    await database.command("profile", 0)

    asked = await database["system.profile"].find({"ns": f"{database.name}.orders"}).to_list()

    assert len(asked) == 2
    assert {entry["planSummary"] for entry in asked} <= {
        "IXSCAN { outbox_due_time: 1 }",
        "COUNT_SCAN { outbox_due_time: 1 }",
    }
    assert [entry["keysExamined"] <= 4 for entry in asked] == [True, True]
    assert sum(entry["docsExamined"] for entry in asked) <= 6


async def test_an_order_with_nothing_to_publish_is_not_in_the_outbox(store: OrderStore, clock: ManualClock) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    await store.record_published("o-1", ["o-1:1"])
    await applied(store, begin(order, clock.now()))

    assert await store.outbox() == Outbox(0, None)


async def test_reads_of_the_cache_are_counted_by_what_came_of_them(redis_url: str) -> None:
    async with open_redis(RedisConfig(redis_url)) as redis:
        with counts(1, READS, result="miss"):
            await RedisCache(redis).get("o-1")
    async with open_redis(RedisConfig("redis://127.0.0.1:1/0")) as nowhere:
        cache = RedisCache(nowhere)
        with counts(FAILURES_MAX, READS, result="failed"), counts(1, READS, result="paused"):
            for _ in range(FAILURES_MAX + 1):
                await cache.get("o-1")


async def test_a_cache_that_is_paused_says_so_until_redis_answers(redis_url: str) -> None:
    async with open_redis(RedisConfig("redis://127.0.0.1:1/0")) as nowhere:
        cache = RedisCache(nowhere)
        for _ in range(FAILURES_MAX):
            await cache.get("o-1")
    paused = value("ordermesh_orders_cache_paused")

    async with open_redis(RedisConfig(redis_url)) as redis:
        await RedisCache(redis).get("o-1")

    assert (paused, value("ordermesh_orders_cache_paused")) == (1, 0)

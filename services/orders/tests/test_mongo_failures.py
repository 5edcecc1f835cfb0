"""MongoDB fails in the middle of a write: there is one order and one move, and whoever asks again finds it."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import pytest

from chassis.mongo import MONGO_DOWN, Database, MongoConfig, open_database
from chassis.testing import ManualClock, TestIssuer, bearer, failing
from deploy.local.mongod import mongo_uri, mongod_process
from deploy.local.ports import free_ports
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.mongo_store import MongoStore
from services.orders.order import Status, begin, cancel, order_id_of
from services.orders.tests.fakes import FakeStock
from services.orders.tests.stored import placed

if TYPE_CHECKING:
    from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceAsyncStub

    Stub = OrderServiceAsyncStub
else:
    Stub = Any

PATIENCE_SECONDS = 20.0
DEADLINE_SECONDS = 0.5
DELAY_MILLISECONDS = 900
"""Longer than the deadline, so that it ends while MongoDB is at work."""

HEARTBEAT_MILLISECONDS = 500
"""A server that is told to pretend does not say when it is over, so the driver must look more often than it does."""

SHUTTING_DOWN, NOT_CONFIRMED = 91, 64
LOST = {"closeConnection": True}
STOPPING = {"errorCode": SHUTTING_DOWN, "errorLabels": ["RetryableWriteError"]}
WRITTEN_AND_STOPPING = {
    "writeConcernError": {"code": SHUTTING_DOWN, "errmsg": "stopping"},
    "errorLabels": ["RetryableWriteError"],
}
WRITTEN_AND_NOT_CONFIRMED = {"writeConcernError": {"code": NOT_CONFIRMED, "errmsg": "not confirmed"}}

ONCE = [
    pytest.param(LOST, id="connection-lost"),
    pytest.param(STOPPING, id="stopping"),
    pytest.param(WRITTEN_AND_STOPPING, id="written-and-stopping"),
]
"""What the driver gets over by itself when it happens once."""

UNKNOWN = [
    pytest.param(2, LOST, id="connection-lost-twice"),
    pytest.param(2, STOPPING, id="stopping-for-longer"),
    pytest.param(2, WRITTEN_AND_STOPPING, id="written-and-stopping-for-longer"),
    pytest.param(1, WRITTEN_AND_NOT_CONFIRMED, id="written-and-not-confirmed"),
]
"""What leaves a writer not knowing whether it wrote."""


@pytest.fixture(scope="module")
async def failing_uri(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A real MongoDB that fails when it is told to."""
    state = StateDirectory(tmp_path_factory.mktemp("failing"))
    port = free_ports(["mongod"])["mongod"]
    process = mongod_process(os.environ, state, port)
    process = replace(process, command=(*process.command, "--setParameter", "enableTestCommands=1"))
    async with Supervisor(state, print) as supervisor:
        await supervisor.start(process)
        yield f"{mongo_uri(port)}&heartbeatFrequencyMS={HEARTBEAT_MILLISECONDS}"


@pytest.fixture
async def database(failing_uri: str) -> AsyncIterator[Database]:
    async with open_database(MongoConfig(failing_uri, f"test_{uuid4().hex}")) as database:
        yield database


@pytest.fixture
def store(mongo_store: MongoStore) -> MongoStore:
    """Only what is in MongoDB can fail like this."""
    return mongo_store


@pytest.fixture
def ada(issuer: TestIssuer) -> Any:
    return bearer(issuer.user("ada"))


@pytest.fixture
def worker(issuer: TestIssuer) -> Any:
    return bearer(issuer.service("notifier"))


def two_lamps() -> pb.CreateOrderRequest:
    return pb.CreateOrderRequest(items=[pb.OrderLine(sku="LAMP", quantity=2)], request_id="k-1")


ORDER_ID = order_id_of("ada", "k-1")


@pytest.mark.parametrize("failure", ONCE)
async def test_an_insert_that_failed_once_is_made_once(
    store: MongoStore, database: Database, clock: ManualClock, failure: dict[str, Any]
) -> None:
    async with failing(database, "insert", **failure):
        inserted = await store.insert([placed("o-1", clock.now()), placed("o-2", clock.now())])

    assert inserted == [True, True]
    assert await database["orders"].count_documents({}) == 2


@pytest.mark.parametrize("failure", ONCE)
async def test_a_move_that_failed_once_is_made_once(
    store: MongoStore, database: Database, clock: ManualClock, failure: dict[str, Any]
) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])

    async with failing(database, "findAndModify", **failure):
        moved = await store.apply(begin(order, clock.now()))

    assert moved is not None
    assert (moved.status, moved.version, len(moved.history)) == (Status.PROCESSING, 2, 2)
    assert await store.get("o-1") == moved


@pytest.mark.parametrize(("times", "failure"), UNKNOWN)
async def test_an_order_whose_insert_may_have_happened_is_there_when_asked_again(
    stub: Stub, ada: Any, database: Database, stock: FakeStock, times: int, failure: dict[str, Any]
) -> None:
    async with failing(database, "insert", times=times, **failure):
        call = stub.CreateOrder(two_lamps(), metadata=ada)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call

    again = await stub.CreateOrder(two_lamps(), metadata=ada)

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert (again.order_id, again.status, again.version) == (ORDER_ID, pb.Order.PENDING, 1)
    assert await database["orders"].count_documents({}) == 1
    assert stock.available == 98


@pytest.mark.parametrize(("times", "failure"), UNKNOWN)
async def test_an_order_whose_cancellation_may_have_happened_is_cancelled_once(
    stub: Stub, ada: Any, store: MongoStore, database: Database, stock: FakeStock, times: int, failure: dict[str, Any]
) -> None:
    await stub.CreateOrder(two_lamps(), metadata=ada)
    request = pb.CancelOrderRequest(order_id=ORDER_ID)
    async with failing(database, "findAndModify", times=times, **failure):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CancelOrder(request, metadata=ada)

    again = await stub.CancelOrder(request, metadata=ada)

    known = await store.get(ORDER_ID)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert known is not None
    assert (again.status, again.version, len(known.pending_events)) == (pb.Order.CANCELLED, 2, 2)
    assert stock.available == 100


@pytest.mark.parametrize(("times", "failure"), UNKNOWN)
async def test_an_order_whose_processing_may_have_moved_on_goes_on_from_there(
    stub: Stub, ada: Any, worker: Any, database: Database, times: int, failure: dict[str, Any]
) -> None:
    await stub.CreateOrder(two_lamps(), metadata=ada)
    request = pb.ProcessOrderRequest(order_id=ORDER_ID)
    async with failing(database, "findAndModify", times=times, **failure):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ProcessOrder(request, metadata=worker)

    done = await stub.ProcessOrder(request, metadata=worker)

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert (done.status, done.version) == (pb.Order.PROCESSED, 3)


@pytest.mark.parametrize(("times", "failure"), UNKNOWN)
@pytest.mark.parametrize("debt", ["stock", "mail"])
async def test_a_payment_that_may_have_happened_can_be_made_again(
    store: MongoStore, database: Database, clock: ManualClock, debt: str, times: int, failure: dict[str, Any]
) -> None:
    order = placed("o-1", clock.now())
    await store.insert([order])
    await store.apply(cancel(order, clock.now(), ""))
    pay = store.record_released if debt == "stock" else store.record_notified
    async with failing(database, "update", "findAndModify", times=times, **failure):
        with pytest.raises(MONGO_DOWN):
            await pay("o-1")

    await pay("o-1")

    document = await database["orders"].find_one({"_id": "o-1"})
    assert document is not None
    assert (document["stock"], document["notification"]) == (
        ("RELEASED", "TO_SEND") if debt == "stock" else ("TO_RELEASE", "DONE")
    )


@pytest.mark.parametrize("leaves", ["deadline", "cancelled"])
async def test_an_order_is_inserted_though_its_customer_left_and_is_found_when_asked_again(
    stub: Stub, ada: Any, store: MongoStore, database: Database, stock: FakeStock, leaves: str
) -> None:
    async with failing(database, "insert", blockConnection=True, blockTimeMS=DELAY_MILLISECONDS):
        await leave(stub.CreateOrder(two_lamps(), metadata=ada, timeout=deadline(leaves)), database, leaves)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await store.get(ORDER_ID) is None:
                await asyncio.sleep(0.01)

    call = stub.CreateOrder(two_lamps(), metadata=ada)

    assert (await call).order_id == ORDER_ID
    assert (await call.trailing_metadata()).get("idempotent-replayed") == "true"
    assert stock.available == 98


@pytest.mark.parametrize("leaves", ["deadline", "cancelled"])
async def test_a_twin_that_overtakes_an_insert_makes_the_one_order(
    stub: Stub, ada: Any, database: Database, leaves: str
) -> None:
    """The customer leaves while MongoDB is at work and comes back before it is done."""
    async with failing(database, "insert", blockConnection=True, blockTimeMS=DELAY_MILLISECONDS):
        await leave(stub.CreateOrder(two_lamps(), metadata=ada, timeout=deadline(leaves)), database, leaves)

        again = await stub.CreateOrder(two_lamps(), metadata=ada)
        await until_idle(database)

    assert (again.order_id, again.version) == (ORDER_ID, 1)
    assert await database["orders"].count_documents({}) == 1


@pytest.mark.parametrize("leaves", ["deadline", "cancelled"])
async def test_a_cancellation_is_made_though_its_customer_left_and_the_worker_settles_it(
    stub: Stub, ada: Any, worker: Any, store: MongoStore, database: Database, stock: FakeStock, leaves: str
) -> None:
    await stub.CreateOrder(two_lamps(), metadata=ada)
    request = pb.CancelOrderRequest(order_id=ORDER_ID)
    async with failing(database, "findAndModify", blockConnection=True, blockTimeMS=DELAY_MILLISECONDS):
        await leave(stub.CancelOrder(request, metadata=ada, timeout=deadline(leaves)), database, leaves)
        await until_idle(database)
    left_alone = await store.get(ORDER_ID)
    processed = await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=ORDER_ID), metadata=worker)

    again = await stub.CancelOrder(request, metadata=ada)

    assert left_alone is not None
    assert left_alone.status is Status.CANCELLED
    assert again == processed
    assert (again.status, again.version) == (pb.Order.CANCELLED, 2)
    assert stock.available == 100


async def test_nothing_is_lost_or_doubled_when_the_primary_steps_down_under_load(
    stub: Stub, ada: Any, worker: Any, store: MongoStore, database: Database, stock: FakeStock
) -> None:
    """Customers and workers ask again until they are answered."""
    stock.available = 10_000
    answered, is_over = asyncio.Queue[str](), asyncio.Event()

    async def customer(name: int) -> int:
        placed = 0
        while not is_over.is_set():
            placed += 1
            lines = [pb.OrderLine(sku="LAMP", quantity=1)]
            request = pb.CreateOrderRequest(items=lines, request_id=f"k-{name}-{placed}")
            order = await persistently(stub.CreateOrder, request, ada)
            done = await persistently(stub.ProcessOrder, pb.ProcessOrderRequest(order_id=order.order_id), worker)
            assert (done.status, done.version) == (pb.Order.PROCESSED, 3)
            answered.put_nowait(order.order_id)
        return placed

    customers = [asyncio.create_task(customer(name)) for name in range(8)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        await answered.get()
        await database.client.admin.command("replSetStepDown", 1, force=True)
        await persistently(stub.GetOrder, pb.GetOrderRequest(order_id=await answered.get()), ada)
        is_over.set()
        placed = sum(await asyncio.gather(*customers))

    finished = {"status": "PROCESSED", "version": 3, "history": {"$size": 3}}
    assert await database["orders"].count_documents({}) == await database["orders"].count_documents(finished) == placed
    assert stock.available == 10_000 - placed


def deadline(leaves: str) -> float | None:
    return DEADLINE_SECONDS if leaves == "deadline" else None


async def leave(call: Any, database: Database, how: str) -> None:
    """Leave a call whose write MongoDB has begun and not ended."""
    if how == "cancelled":
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await writes(database):
                await asyncio.sleep(0.01)
        call.cancel()
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await call


async def until_idle(database: Database) -> None:
    """Wait until MongoDB writes nothing any more."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await writes(database):
            await asyncio.sleep(0.01)


async def writes(database: Database) -> list[Any]:
    """The writes to orders that MongoDB is at."""
    is_write = {"$or": [{f"command.{name}": "orders"} for name in ("insert", "findAndModify")]}
    pipeline: list[dict[str, Any]] = [
        {"$currentOp": {"idleSessions": False}},
        {"$match": {"command.$db": database.name} | is_write},
    ]
    return await (await database.client.admin.aggregate(pipeline)).to_list()


async def persistently(rpc: Any, request: Any, metadata: Any) -> Any:
    """Call again while the service says that it is away."""
    while True:
        try:
            return await rpc(request, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise

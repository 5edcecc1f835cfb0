"""MongoDB fails in the middle of a decision: it is made once, and whoever asks again hears the truth."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import pymongo
import pytest
from pymongo.errors import PyMongoError

from chassis.mongo import MONGO_DOWN, Database, MongoConfig, open_database
from chassis.testing import ManualClock, failing
from deploy.local.mongod import mongo_uri, mongod_process
from deploy.local.ports import free_ports
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from services.inventory.decisions import Adjust, Adjusted, Commit, Decision, Reserved
from services.inventory.item import Adjustment
from services.inventory.mongo_store import MongoStore
from services.inventory.reservation import State
from services.inventory.tests.calls import FINGERPRINT, ORDERS
from services.inventory.tests.stock import counts, reserve, stocked
from services.inventory.writer import Writer

if TYPE_CHECKING:
    from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceAsyncStub

PATIENCE_SECONDS = 20.0
CUSTOMERS = 8
HEARTBEAT_MILLISECONDS = 500
"""A server that is told to pretend does not say when it is over, so the driver must look more often than it does."""

DEADLINE_SECONDS = 0.5
DELAY_MILLISECONDS = 900
"""Longer than the deadline, so that it ends while MongoDB is at work."""

UNKNOWN = {"errorLabels": ["UnknownTransactionCommitResult"]}
TRANSIENT = {"errorLabels": ["TransientTransactionError"]}
SHUTTING_DOWN, NO_SUCH_TRANSACTION, WRITE_CONFLICT, NOT_CONFIRMED = 91, 251, 112, 64


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
async def store(mongo_store: MongoStore) -> MongoStore:
    """Only what is in MongoDB can fail like this."""
    await stocked(mongo_store, "LAMP", 10)
    return mongo_store


@pytest.mark.parametrize(
    ("command", "times", "failure"),
    [
        pytest.param("commitTransaction", 1, {"closeConnection": True}, id="commit-connection-lost"),
        pytest.param("commitTransaction", 2, {"closeConnection": True}, id="commit-connection-lost-again"),
        pytest.param("commitTransaction", 2, {"errorCode": SHUTTING_DOWN}, id="commit-shutting-down"),
        pytest.param("commitTransaction", 2, {"errorCode": NO_SUCH_TRANSACTION} | TRANSIENT, id="commit-aborted"),
        pytest.param("commitTransaction", 2, {"errorCode": NOT_CONFIRMED} | UNKNOWN, id="commit-unknown"),
        pytest.param(
            "commitTransaction",
            2,
            {"writeConcernError": {"code": SHUTTING_DOWN, "errmsg": "stopping"}},
            id="committed-and-shutting-down",
        ),
        pytest.param(
            "commitTransaction",
            2,
            {"writeConcernError": {"code": NOT_CONFIRMED, "errmsg": "not confirmed"}},
            id="committed-and-not-confirmed",
        ),
        pytest.param("find", 2, {"errorCode": NO_SUCH_TRANSACTION} | TRANSIENT, id="read-aborted"),
        pytest.param("find", 2, {"closeConnection": True}, id="read-connection-lost"),
        pytest.param("update", 2, {"errorCode": WRITE_CONFLICT} | TRANSIENT, id="write-conflict"),
        pytest.param("insert", 2, {"closeConnection": True}, id="write-connection-lost"),
    ],
)
async def test_a_group_is_decided_once_whatever_failed(
    store: MongoStore, database: Database, clock: ManualClock, command: str, times: int, failure: dict[str, Any]
) -> None:
    group: list[Decision] = [
        reserve(clock, "o-1", ("LAMP", 3)),
        Adjust(Adjustment("LAMP", "k-1", 2, "found", "root")),
        reserve(clock, "o-2", ("LAMP", 1)),
        Commit("o-2", "f"),
    ]

    async with failing(database, command, times=times, **failure):
        held, adjusted, *_, sold = await store.decide(group)

    assert isinstance(held, Reserved)
    assert isinstance(adjusted, Adjusted)
    assert isinstance(sold, Reserved)
    assert (held.created, adjusted.replayed, sold.reservation.state) == (True, False, State.COMMITTED)
    assert await counts(store, "LAMP") == (8, 3, 1)
    assert await database["adjustments"].count_documents({}) == 2


@pytest.mark.parametrize("is_applied", [True, False])
async def test_a_commit_whose_outcome_stays_unknown_is_an_error_and_asking_again_tells_the_truth(
    store: MongoStore, database: Database, clock: ManualClock, is_applied: bool
) -> None:
    failure: dict[str, Any] = {"errorCode": NOT_CONFIRMED} | UNKNOWN
    if is_applied:
        failure = {"writeConcernError": {"code": NOT_CONFIRMED, "errmsg": "not confirmed"}}
    async with failing(database, "commitTransaction", times=None, **failure):
        with pytest.raises(MONGO_DOWN), pymongo.timeout(DEADLINE_SECONDS):
            await store.decide([reserve(clock, "o-1", ("LAMP", 3))])

    (again,) = await store.decide([reserve(clock, "o-1", ("LAMP", 3))])

    assert isinstance(again, Reserved)
    assert again.created != is_applied
    assert await counts(store, "LAMP") == (7, 3, 0)


@pytest.mark.parametrize("leaves", ["deadline", "cancelled"])
@pytest.mark.parametrize("verb", ["ReserveStock", "CommitReservation", "ReleaseReservation"])
async def test_a_decision_is_finished_though_its_caller_left_and_is_found_when_asked_again(
    stub: "InventoryServiceAsyncStub", store: MongoStore, database: Database, leaves: str, verb: str
) -> None:
    lines = [pb.Line(sku="LAMP", quantity=3)]
    reserve_request = pb.ReserveStockRequest(order_id="o-1", fingerprint=FINGERPRINT, lines=lines)
    request = {
        "ReserveStock": reserve_request,
        "CommitReservation": pb.CommitReservationRequest(order_id="o-1", fingerprint=FINGERPRINT),
        "ReleaseReservation": pb.ReleaseReservationRequest(order_id="o-1", fingerprint=FINGERPRINT),
    }[verb]
    if verb != "ReserveStock":
        await stub.ReserveStock(reserve_request, metadata=ORDERS)
    async with failing(database, "commitTransaction", blockConnection=True, blockTimeMS=DELAY_MILLISECONDS):
        timeout = DEADLINE_SECONDS if leaves == "deadline" else None
        call = getattr(stub, verb)(request, metadata=ORDERS, timeout=timeout)
        if leaves == "cancelled":
            await commit_begun(database)
            call.cancel()
        with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
            await call

        again = await getattr(stub, verb)(request, metadata=ORDERS)

    expected = {"ReserveStock": (7, 3, 0), "CommitReservation": (7, 0, 3), "ReleaseReservation": (10, 0, 0)}
    assert verb != "ReserveStock" or not again.created
    assert await counts(store, "LAMP") == expected[verb]


async def step_down(database: Database, answered: asyncio.Queue[str]) -> None:
    """The primary gives up, and is elected again."""
    await database.client.admin.command("replSetStepDown", 1, force=True)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await database.client.admin.command("hello"))["isWritablePrimary"]:
            await asyncio.sleep(0.02)


async def kill_sessions(database: Database, answered: asyncio.Queue[str]) -> None:
    """Every transaction that is open is aborted."""
    await database.client.admin.command("killAllSessions", [])


async def cut_connections(database: Database, answered: asyncio.Queue[str]) -> None:
    """Some commands of the next groups lose their connection."""
    async with failing(database, "find", "update", "commitTransaction", times=3, closeConnection=True):
        for _ in range(2 * CUSTOMERS):
            await answered.get()


@pytest.mark.parametrize(("disturb", "rounds"), [(step_down, 1), (kill_sessions, 20), (cut_connections, 3)])
async def test_stock_is_exact_when_the_primary_falters_under_load(
    store: MongoStore,
    writer: Writer,
    database: Database,
    clock: ManualClock,
    disturb: Callable[[Database, asyncio.Queue[str]], Awaitable[None]],
    rounds: int,
) -> None:
    """Customers ask again until they are answered, as orders does."""
    await store.decide([Adjust(Adjustment("LAMP", "many", 10_000, "delivery", "root"))])
    answered, is_over = asyncio.Queue[str](), asyncio.Event()

    async def customer(name: int) -> int:
        for n in count():
            wanted = reserve(clock, f"o-{name}-{n}", ("LAMP", 1))
            while True:
                try:
                    await writer.reserved(wanted)
                    break
                except PyMongoError:
                    continue
            answered.put_nowait(wanted.order_id)
            if is_over.is_set():
                return n + 1
        raise AssertionError("there is always a next one")

    customers = [asyncio.create_task(customer(name)) for name in range(CUSTOMERS)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(rounds):
            await answered.get()
            await disturb(database, answered)
        is_over.set()
        placed = sum(await asyncio.gather(*customers))

    assert await counts(store, "LAMP") == (10_010 - placed, placed, 0)
    assert await database["reservations"].count_documents({"state": State.HELD}) == placed


async def test_two_replicas_asked_for_the_same_order_at_once_hold_it_once(
    store: MongoStore, database: Database, clock: ManualClock
) -> None:
    """A retry may reach another replica while the first one is still deciding."""
    stores = [store, *(MongoStore(database) for _ in range(3))]
    for n in range(5):
        twins = await asyncio.gather(*(s.decide([reserve(clock, f"o-{n}", ("LAMP", 1))]) for s in stores))

        assert sum(outcome.created for (outcome,) in twins if isinstance(outcome, Reserved)) == 1

    assert await counts(store, "LAMP") == (5, 5, 0)


async def commit_begun(database: Database) -> None:
    """Wait until MongoDB has been asked to commit, and has not answered."""
    where = {"command.commitTransaction": {"$exists": True}}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await current_operations(database, where):
            await asyncio.sleep(0.01)


async def current_operations(database: Database, where: dict[str, Any]) -> list[Any]:
    pipeline: list[dict[str, Any]] = [{"$currentOp": {"idleSessions": False}}, {"$match": where}]
    return await (await database.client.admin.aggregate(pipeline)).to_list()

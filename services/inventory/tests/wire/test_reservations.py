"""Reservations, through a real server with the full chain."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from chassis.errors import RETRY_SECONDS_DEFAULT
from chassis.testing import TEST_SERVER, ManualClock, refused, served
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from services.inventory.app import build_inventory
from services.inventory.memory_store import MemoryStore
from services.inventory.reserve_stock import EXPIRE_GROUP_MAX, expire_holds, expire_overdue
from services.inventory.store import InventoryStore
from services.inventory.tests.calls import ADMIN, FINGERPRINT, ORDERS, create, issuer, reserve
from services.inventory.writer import WAITING_MAX, Writer

if TYPE_CHECKING:
    from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceAsyncStub

OTHER_FINGERPRINT = "1" * 64
SOON_SECONDS = 5.0
PATIENCE_SECONDS = 20.0


async def test_a_hold_is_made_once_committed_and_shown(stub: "InventoryServiceAsyncStub", clock: ManualClock) -> None:
    await create(stub)

    first = await reserve(stub, "o-1", ("LAMP", 4))
    again = await reserve(stub, "o-1", ("LAMP", 4))
    committed = await stub.CommitReservation(
        pb.CommitReservationRequest(order_id="o-1", fingerprint=FINGERPRINT), metadata=ORDERS
    )
    shown = await stub.GetReservation(pb.GetReservationRequest(order_id="o-1"), metadata=ADMIN)
    item = await stub.GetItem(pb.GetItemRequest(sku="LAMP"), metadata=ADMIN)

    assert (first.created, again.created) == (True, False)
    assert first.reservation.state == pb.Reservation.HELD
    assert first.reservation.expire_time.ToSeconds() == clock.now().timestamp() + 900
    assert committed == shown
    assert shown.state == pb.Reservation.COMMITTED
    assert (item.available, item.reserved, item.sold) == (6, 0, 4)


async def test_a_release_gives_back(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    await reserve(stub, "o-1", ("LAMP", 4))
    request = pb.ReleaseReservationRequest(order_id="o-1", fingerprint=FINGERPRINT)

    released = await stub.ReleaseReservation(request, metadata=ORDERS)

    assert released.state == pb.Reservation.RELEASED
    assert (await stub.GetItem(pb.GetItemRequest(sku="LAMP"))).available == 10


async def test_out_of_stock_names_each_short_sku(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub, "LAMP", 1)
    await create(stub, "DESK", 10)
    await create(stub, "SOFA", 0)

    call = reserve(stub, "o-1", ("LAMP", 2), ("DESK", 1), ("SOFA", 1))
    details = await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")

    assert details.metadata == {"LAMP": "1", "SOFA": "0"}


async def test_another_fingerprint_is_refused(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    await reserve(stub, "o-1", ("LAMP", 4))

    call = reserve(stub, "o-1", ("LAMP", 5), fingerprint=OTHER_FINGERPRINT)

    await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED")


async def test_a_sale_cannot_be_released(stub: "InventoryServiceAsyncStub") -> None:
    await create(stub)
    await reserve(stub, "o-1", ("LAMP", 4))
    commit = pb.CommitReservationRequest(order_id="o-1", fingerprint=FINGERPRINT)
    await stub.CommitReservation(commit, metadata=ORDERS)
    release = pb.ReleaseReservationRequest(order_id="o-1", fingerprint=FINGERPRINT)

    call = stub.ReleaseReservation(release, metadata=ORDERS)

    await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_COMMITTED")


async def test_what_was_never_reserved_is_not_found(stub: "InventoryServiceAsyncStub") -> None:
    not_found = (grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND")
    commit = pb.CommitReservationRequest(order_id="o-9", fingerprint=FINGERPRINT)
    release = pb.ReleaseReservationRequest(order_id="o-9", fingerprint=FINGERPRINT)

    await refused(stub.CommitReservation(commit, metadata=ORDERS), *not_found)
    await refused(stub.ReleaseReservation(release, metadata=ORDERS), *not_found)
    await refused(stub.GetReservation(pb.GetReservationRequest(order_id="o-9"), metadata=ADMIN), *not_found)


async def test_everything_that_is_wrong_with_a_reservation_is_said_at_once(stub: "InventoryServiceAsyncStub") -> None:
    call = reserve(stub, "", ("LAMP", 0), ("LAMP", 10_001), ("?", 1), fingerprint="F")

    details = await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")

    assert [violation.field for violation in details.violations] == [
        "order_id",
        "fingerprint",
        "lines[0].quantity",
        "lines[1].sku",
        "lines[1].quantity",
        "lines[2].sku",
    ]


@pytest.mark.parametrize(("count", "is_refused"), [(0, True), (100, False), (101, True)])
async def test_an_order_has_one_to_a_hundred_lines(
    stub: "InventoryServiceAsyncStub", store: InventoryStore, count: int, is_refused: bool
) -> None:
    for n in range(100):
        await create(stub, f"S{n}", 1)

    call = reserve(stub, "o-1", *((f"S{n}", 1) for n in range(count)))

    if is_refused:
        await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    else:
        assert (await call).created


async def test_a_hold_that_nobody_commits_goes_back(
    stub: "InventoryServiceAsyncStub", store: InventoryStore, writer: Writer, clock: ManualClock
) -> None:
    await create(stub)
    await reserve(stub, "o-1", ("LAMP", 4))
    clock.advance(901)

    await expire_overdue(store, writer, clock)

    shown = await stub.GetReservation(pb.GetReservationRequest(order_id="o-1"), metadata=ADMIN)
    assert shown.state == pb.Reservation.EXPIRED
    assert (await stub.GetItem(pb.GetItemRequest(sku="LAMP"))).available == 10


async def test_two_replicas_give_back_what_is_overdue_once_however_much_it_is(
    stub: "InventoryServiceAsyncStub", store: InventoryStore, writer: Writer, clock: ManualClock
) -> None:
    """More holds than one round looks at: the rounds go on until none is left."""
    count = EXPIRE_GROUP_MAX + 1
    await create(stub, stock=count)
    await asyncio.gather(*(reserve(stub, f"o-{n}", ("LAMP", 1)) for n in range(count)))
    clock.advance(901)

    rounds = [asyncio.create_task(expire_holds(store, writer, clock, 900)) for _ in range(2)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await store.overdue_holds(clock.now(), 1):
            await asyncio.sleep(0.01)
    for task in rounds:
        task.cancel()

    item = await stub.GetItem(pb.GetItemRequest(sku="LAMP"), metadata=ADMIN)
    assert (item.available, item.reserved, item.sold) == (count, 0, 0)


async def test_too_many_decisions_at_once_are_told_when_to_come_back_and_health_is_answered(
    clock: ManualClock,
) -> None:
    stopped = Writer(MemoryStore())  # nobody runs it, so whatever comes waits
    server = replace(TEST_SERVER, concurrent_calls_max=2 * WAITING_MAX)
    async with served(build_inventory(MemoryStore(), stopped, clock, 900), issuer=issuer, config=server) as channel:
        stub = InventoryServiceStub(channel)
        health: Any = HealthStub(channel)
        waiting = [asyncio.ensure_future(reserve(stub, f"o-{n}", ("LAMP", 1))) for n in range(WAITING_MAX + 1)]
        async with asyncio.timeout(SOON_SECONDS):
            (one, *more), _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            answer = await health.Check(HealthCheckRequest())
        for call in waiting:
            call.cancel()

    told = await refused(one, grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert told.retry_after_seconds == RETRY_SECONDS_DEFAULT
    assert (more, answer.status) == ([], HealthCheckResponse.SERVING)

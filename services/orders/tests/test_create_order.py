"""Placing an order, through a real server with the full chain."""

import asyncio
from typing import Any

import grpc
import pytest

from chassis.errors import read_details
from chassis.testing import ManualClock, refused
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.order import Line, fingerprint_of, order_id_of
from services.orders.relay import Relay
from services.orders.store import OrderStore
from services.orders.tests.fakes import FakeQueue, FakeStock
from services.orders.tests.wire import LAMPS_2, Stub, wanted


async def test_an_order_is_placed_with_its_stock_held(
    stub: Stub, ada: Any, stock: FakeStock, clock: ManualClock
) -> None:
    order = await stub.CreateOrder(wanted(("LAMP", 2), ("DESK", 1), key="k-1"), metadata=ada)

    assert order.status == pb.Order.PENDING
    assert (order.user_id, order.email, order.version) == ("ada", "ada@example.com", 1)
    assert (order.total.currency_code, order.total.minor_units) == ("EUR", 7_500)
    assert [(item.sku, item.name, item.quantity) for item in order.items] == [("LAMP", "Lamp", 2), ("DESK", "Desk", 1)]
    assert order.create_time.ToSeconds() == order.history[0].time.ToSeconds() == int(clock.now().timestamp())
    assert order.order_id in stock.holds


async def test_the_same_key_finds_the_same_order(stub: Stub, ada: Any, stock: FakeStock) -> None:
    first = stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    await first
    again = stub.CreateOrder(wanted(*LAMPS_2), metadata=(*ada, ("idempotency-key", "k-1")))

    assert await again == await first
    replayed = [(await call.trailing_metadata()).get("idempotent-replayed") for call in (first, again)]
    assert replayed == [None, "true"]
    assert stock.available == 98


async def test_the_same_key_of_somebody_else_is_another_order(stub: Stub, ada: Any, bob: Any) -> None:
    adas = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    bobs = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=bob)

    assert adas.order_id != bobs.order_id


async def test_a_key_that_came_with_other_lines_is_refused(stub: Stub, ada: Any, stock: FakeStock) -> None:
    await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    call = stub.CreateOrder(wanted(("LAMP", 3), key="k-1"), metadata=ada)

    await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED")
    assert stock.available == 98


async def test_fifty_twins_make_one_order(stub: Stub, ada: Any, stock: FakeStock) -> None:
    calls = (stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada) for _ in range(50))

    orders = await asyncio.gather(*calls)

    assert len({order.order_id for order in orders}) == 1
    assert stock.available == 98


async def test_fifty_twins_with_one_body_and_fifty_with_another_make_one_order_of_one_of_them(
    stub: Stub, ada: Any, stock: FakeStock, queue: FakeQueue, relay: Relay
) -> None:
    bodies = [wanted(("LAMP", 2 + n % 2), key="k-1") for n in range(100)]

    answers = await asyncio.gather(*(stub.CreateOrder(body, metadata=ada) for body in bodies), return_exceptions=True)

    orders = [answer for answer in answers if isinstance(answer, pb.Order)]
    refusals = [read_details(answer).reason for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    quantities = {item.quantity for order in orders for item in order.items}
    await relay.publish_due()
    assert (len(orders), refusals) == (50, ["IDEMPOTENCY_KEY_REUSED"] * 50)
    assert len({order.order_id for order in orders}) == len(quantities) == len(queue.events) == 1
    assert stock.available == 100 - quantities.pop()


async def test_a_hold_from_before_a_crash_is_found_again(
    stub: Stub, ada: Any, stock: FakeStock, store: OrderStore
) -> None:
    """The first try reserved, then died before it could insert."""
    lines = (Line("LAMP", 2),)
    await stock.reserve(order_id_of("ada", "k-1"), fingerprint_of(lines), lines)

    call = stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    order = await call
    assert (order.order_id, order.status) == (order_id_of("ada", "k-1"), pb.Order.PENDING)
    assert (await call.trailing_metadata()).get("idempotent-replayed") is None
    assert await store.get(order.order_id) is not None
    assert stock.available == 98


async def test_a_refused_order_is_not_remembered(stub: Stub, ada: Any, stock: FakeStock) -> None:
    stock.available = 1
    call = stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    details = await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")
    stock.available = 5

    order = await stub.CreateOrder(wanted(("LAMP", 3), key="k-1"), metadata=ada)

    assert details.metadata == {"LAMP": "1"}
    assert order.status == pb.Order.PENDING


async def test_an_accepted_order_is_answered_even_when_its_hold_is_gone(stub: Stub, ada: Any, stock: FakeStock) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    del stock.holds[order.order_id]
    stock.available = 0

    again = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    assert again.order_id == order.order_id


async def test_everything_that_is_wrong_is_said_at_once(stub: Stub, ada: Any, stock: FakeStock) -> None:
    request = wanted(("", 1), ("LAMP", 0), ("LAMP", 10_001))

    call = stub.CreateOrder(request, metadata=ada)
    details = await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")

    assert [violation.field for violation in details.violations] == [
        "request_id",
        "items[0].sku",
        "items[1].quantity",
        "items[2].sku",
        "items[2].quantity",
    ]
    assert stock.reserve_calls == 0


@pytest.mark.parametrize(
    ("request_", "is_refused"),
    [
        (wanted(key="k"), True),
        (wanted(*((f"S{n}", 1) for n in range(100)), key="k"), False),
        (wanted(*((f"S{n}", 1) for n in range(101)), key="k"), True),
        (wanted(("LAMP", 10_000), key="k"), False),
        (wanted(("a" * 64, 1), key="k" * 255), False),
        (wanted(("a" * 65, 1), key="k"), True),
        (wanted(("LAMP", 1), key="k" * 256), True),
        (wanted(("LAMP", 1), key="ключ"), True),
    ],
)
async def test_the_edges_of_the_limits(
    stub: Stub, ada: Any, stock: FakeStock, request_: pb.CreateOrderRequest, is_refused: bool
) -> None:
    stock.available = 10_000

    call = stub.CreateOrder(request_, metadata=ada)

    if is_refused:
        await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    else:
        assert (await call).status == pb.Order.PENDING


async def test_two_different_keys_are_refused(stub: Stub, ada: Any) -> None:
    call = stub.CreateOrder(wanted(*LAMPS_2, key="a"), metadata=(*ada, ("idempotency-key", "b")))

    await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


async def test_without_inventory_no_order_is_accepted(stub: Stub, ada: Any, stock: FakeStock) -> None:
    stock.is_down = True

    call = stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    await refused(call, grpc.StatusCode.UNAVAILABLE, "INVENTORY_UNAVAILABLE")

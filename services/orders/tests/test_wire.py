"""orders.v1.OrderService through a real server with the full chain."""

import asyncio
from typing import Any

import grpc
import pytest

from chassis import pages
from chassis.errors import read_details
from chassis.testing import ManualClock
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.cache import MemoryCache
from services.orders.order import Line, StockDebt, fingerprint_of, order_id_of
from services.orders.relay import Relay
from services.orders.store import OrderStore
from services.orders.tests.fakes import FakeQueue, FakeStock
from services.orders.tests.wire import LAMPS_2, Stub, refused, wanted


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


async def test_owners_and_admins_see_an_order_and_nobody_else(stub: Stub, ada: Any, bob: Any, admin: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.GetOrderRequest(order_id=order.order_id)

    assert await stub.GetOrder(request, metadata=ada) == order
    assert await stub.GetOrder(request, metadata=admin) == order
    await refused(stub.GetOrder(request, metadata=bob), grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


@pytest.mark.parametrize("order_id", ["", "0" * 32, "../etc/passwd", "x" * 10_000])
async def test_a_missing_order_is_not_found(stub: Stub, ada: Any, order_id: str) -> None:
    call = stub.GetOrder(pb.GetOrderRequest(order_id=order_id), metadata=ada)

    await refused(call, grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_customers_list_their_own_orders_page_by_page(stub: Stub, ada: Any, bob: Any, clock: ManualClock) -> None:
    for n in range(3):
        await stub.CreateOrder(wanted(*LAMPS_2, key=f"k-{n}"), metadata=ada)
        clock.advance(1)
    await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=bob)

    first = await stub.ListOrders(pb.ListOrdersRequest(page_size=2), metadata=ada)
    second = await stub.ListOrders(pb.ListOrdersRequest(page_size=2, page_token=first.next_page_token), metadata=ada)

    times = [order.create_time.ToSeconds() for order in (*first.orders, *second.orders)]
    assert times == sorted(times, reverse=True)
    assert (len(first.orders), len(second.orders), second.next_page_token) == (2, 1, "")


async def test_admins_list_anybodys_orders_and_customers_do_not(stub: Stub, ada: Any, bob: Any, admin: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.ListOrdersRequest(user_id="ada")

    listed = await stub.ListOrders(request, metadata=admin)

    assert list(listed.orders) == [order]
    await refused(stub.ListOrders(request, metadata=bob), grpc.StatusCode.PERMISSION_DENIED, "FOREIGN_USER")


@pytest.mark.parametrize("token", ["nonsense", "WyJhIiwiYiJd", "Wy0xLCJiIl0=", "W3RydWUsImIiXQ==", "WzFlMzAsImIiXQ=="])
async def test_a_page_token_of_somebody_else_is_refused(stub: Stub, ada: Any, token: str) -> None:
    call = stub.ListOrders(pb.ListOrdersRequest(page_token=token), metadata=ada)

    await refused(call, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


async def test_a_processed_order_is_sold_and_cached(
    stub: Stub, ada: Any, worker: Any, stock: FakeStock, cache: MemoryCache
) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.ProcessOrderRequest(order_id=order.order_id)

    done = [await stub.ProcessOrder(request, metadata=worker) for _ in range(2)]

    assert done[0] == done[1]
    assert done[0].status == pb.Order.PROCESSED
    assert [change.status for change in done[0].history] == [pb.Order.PENDING, pb.Order.PROCESSING, pb.Order.PROCESSED]
    assert order.order_id in stock.sold
    assert list(cache.orders) == [order.order_id]
    assert await stub.GetOrder(pb.GetOrderRequest(order_id=order.order_id), metadata=ada) == done[0]


async def test_a_cached_order_is_still_its_owners(
    stub: Stub, ada: Any, bob: Any, worker: Any, cache: MemoryCache
) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)

    call = stub.GetOrder(pb.GetOrderRequest(order_id=order.order_id), metadata=bob)

    assert cache.orders
    await refused(call, grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_only_orders_that_ended_are_cached(stub: Stub, ada: Any, cache: MemoryCache) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    await stub.GetOrder(pb.GetOrderRequest(order_id=order.order_id), metadata=ada)

    assert cache.orders == {}


async def test_an_order_that_is_being_processed_is_not_cached(
    stub: Stub, ada: Any, worker: Any, stock: FakeStock, cache: MemoryCache
) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    stock.is_down = True
    process = stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)
    await refused(process, grpc.StatusCode.UNAVAILABLE, "INVENTORY_UNAVAILABLE")

    seen = await stub.GetOrder(pb.GetOrderRequest(order_id=order.order_id), metadata=ada)

    assert seen.status == pb.Order.PROCESSING
    assert cache.orders == {}


async def test_an_order_whose_stock_is_gone_fails(stub: Stub, ada: Any, worker: Any, stock: FakeStock) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    stock.lose(order.order_id)

    failed = await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)

    assert failed.status == pb.Order.FAILED
    assert failed.failure.reason == "OUT_OF_STOCK"


async def test_processing_goes_on_when_inventory_is_back(stub: Stub, ada: Any, worker: Any, stock: FakeStock) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.ProcessOrderRequest(order_id=order.order_id)
    stock.is_down = True
    await refused(stub.ProcessOrder(request, metadata=worker), grpc.StatusCode.UNAVAILABLE, "INVENTORY_UNAVAILABLE")
    stock.is_down = False

    done = await stub.ProcessOrder(request, metadata=worker)

    assert (done.status, done.version) == (pb.Order.PROCESSED, 3)


async def test_workers_that_race_come_to_the_same_end(stub: Stub, ada: Any, worker: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.ProcessOrderRequest(order_id=order.order_id)

    ends = await asyncio.gather(*(stub.ProcessOrder(request, metadata=worker) for _ in range(10)))

    assert {(end.status, end.version) for end in ends} == {(pb.Order.PROCESSED, 3)}


async def test_a_cancelled_order_gives_its_stock_back(
    stub: Stub, ada: Any, stock: FakeStock, store: OrderStore
) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.CancelOrderRequest(order_id=order.order_id)

    cancelled = [await stub.CancelOrder(request, metadata=ada) for _ in range(2)]

    known = await store.get(order.order_id)
    assert cancelled[0] == cancelled[1]
    assert (cancelled[0].status, cancelled[0].version) == (pb.Order.CANCELLED, 2)
    assert stock.available == 100
    assert known is not None
    assert known.stock is StockDebt.RELEASED


async def test_the_stock_of_a_cancelled_order_is_released_later_when_inventory_is_down(
    stub: Stub, ada: Any, worker: Any, stock: FakeStock
) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    stock.is_down = True
    cancelled = await stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ada)
    stock.is_down = False

    processed = await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)

    assert cancelled.status == processed.status == pb.Order.CANCELLED
    assert stock.available == 100


async def test_cancelling_again_releases_what_could_not_be_released_before(
    stub: Stub, ada: Any, stock: FakeStock, store: OrderStore
) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.CancelOrderRequest(order_id=order.order_id)
    stock.is_down = True
    first = await stub.CancelOrder(request, metadata=ada)
    stock.is_down = False

    again = await stub.CancelOrder(request, metadata=ada)

    known = await store.get(order.order_id)
    assert again == first
    assert stock.available == 100
    assert known is not None
    assert known.stock is StockDebt.RELEASED


async def test_it_is_too_late_to_cancel_a_processed_order(stub: Stub, ada: Any, worker: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)

    call = stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ada)

    details = await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "ORDER_NOT_CANCELLABLE")
    assert details.metadata == {"status": "PROCESSED"}


async def test_nobody_cancels_somebody_elses_order(stub: Stub, ada: Any, bob: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    call = stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=bob)

    await refused(call, grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_cancel_and_process_that_race_have_one_winner(
    stub: Stub, ada: Any, worker: Any, stock: FakeStock
) -> None:
    for n in range(10):
        order = await stub.CreateOrder(wanted(*LAMPS_2, key=f"k-{n}"), metadata=ada)
        process = stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)
        cancel = stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ada)
        await asyncio.gather(process, cancel, return_exceptions=True)

        end = await stub.GetOrder(pb.GetOrderRequest(order_id=order.order_id), metadata=ada)

        is_sold, is_released = order.order_id in stock.sold, order.order_id in stock.released
        assert end.status in {pb.Order.PROCESSED, pb.Order.CANCELLED}
        assert (is_sold, is_released) == (end.status == pb.Order.PROCESSED, end.status == pb.Order.CANCELLED)


async def test_a_notification_is_confirmed_when_the_order_has_ended(stub: Stub, ada: Any, worker: Any) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    request = pb.ConfirmNotificationRequest(order_id=order.order_id)
    early = stub.ConfirmNotification(request, metadata=worker)
    await refused(early, grpc.StatusCode.FAILED_PRECONDITION, "ORDER_NOT_TERMINAL")
    await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)

    assert [await stub.ConfirmNotification(request, metadata=worker) for _ in range(2)]


async def test_what_is_not_there_is_neither_processed_nor_confirmed(stub: Stub, worker: Any) -> None:
    process = stub.ProcessOrder(pb.ProcessOrderRequest(order_id="0" * 32), metadata=worker)
    confirm = stub.ConfirmNotification(pb.ConfirmNotificationRequest(order_id="0" * 32), metadata=worker)

    await refused(process, grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    await refused(confirm, grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_what_happens_is_published(stub: Stub, ada: Any, relay: Relay, queue: FakeQueue) -> None:
    traced = (*ada, ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=traced)
    await relay.publish_due()
    await stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ada)
    await relay.publish_due()

    assert [event.event_id for event in queue.events] == [f"{order.order_id}:1", f"{order.order_id}:2"]
    assert queue.events[0].traceparent == traced[-1][1]
    assert await relay.publish_due() == 0


async def test_a_page_ends_before_the_answer_is_too_large(
    stub: Stub, ada: Any, stock: FakeStock, clock: ManualClock
) -> None:
    """A customer whose orders are as large as orders may be still gets all of them, over more pages."""
    stock.available = 10**9
    count = 5
    for n in range(count):
        await stub.CreateOrder(wanted(*((f"{sku:064}", 1) for sku in range(100)), key=f"k-{n}"), metadata=ada)
        clock.advance(1)
    size = (await stub.ListOrders(pb.ListOrdersRequest(page_size=1), metadata=ada)).ByteSize()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PAGE_BYTES_MAX", int(2.5 * size))
        first = await stub.ListOrders(pb.ListOrdersRequest(), metadata=ada)
        rest = await stub.ListOrders(pb.ListOrdersRequest(page_token=first.next_page_token), metadata=ada)

    assert len(first.orders) == 2
    assert len({order.order_id for order in (*first.orders, *rest.orders)}) == 4
    assert rest.next_page_token

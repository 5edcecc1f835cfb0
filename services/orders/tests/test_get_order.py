"""Reading orders, through a real server with the full chain."""

from typing import Any

import grpc
import pytest

from chassis import pages
from chassis.testing import ManualClock, refused
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.cache import MemoryCache
from services.orders.tests.fakes import FakeStock
from services.orders.tests.wire import LAMPS_2, Stub, wanted


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

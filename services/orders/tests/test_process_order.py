"""Bringing an order to its end, through a real server with the full chain."""

import asyncio
from typing import Any

import grpc

from chassis.testing import refused
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.cache import MemoryCache
from services.orders.tests.fakes import FakeStock
from services.orders.tests.wire import LAMPS_2, Stub, wanted


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

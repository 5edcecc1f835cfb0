"""Cancelling an order, through a real server with the full chain."""

import asyncio
from typing import Any

import grpc
import pytest
from pymongo.errors import AutoReconnect

from chassis.testing import refused
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.order import StockDebt
from services.orders.relay import Relay
from services.orders.store import OrderStore
from services.orders.tests.fakes import FakeQueue, FakeStock
from services.orders.tests.wire import LAMPS_2, Stub, wanted


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


async def test_what_happens_is_published(stub: Stub, ada: Any, relay: Relay, queue: FakeQueue) -> None:
    traced = (*ada, ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=traced)
    await relay.publish_due()
    await stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ada)
    await relay.publish_due()

    assert [event.event_id for event in queue.events] == [f"{order.order_id}:1", f"{order.order_id}:2"]
    assert queue.events[0].traceparent == traced[-1][1]
    assert await relay.publish_due() == 0


async def test_a_cancel_is_answered_when_inventory_answers_the_release_with_what_nobody_expects(
    stub: Stub, ada: Any, worker: Any, stock: FakeStock, store: OrderStore
) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)
    stock.confused_about = order.order_id

    cancelled = await stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ada)
    stock.confused_about = None
    settled = await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)

    assert cancelled.status == settled.status == pb.Order.CANCELLED
    assert stock.available == 100
    assert await debt(store, order.order_id) is StockDebt.RELEASED


async def test_a_cancel_is_answered_when_the_release_cannot_be_written_down(
    stub: Stub, ada: Any, worker: Any, stock: FakeStock, store: OrderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await stub.CreateOrder(wanted(*LAMPS_2, key="k-1"), metadata=ada)

    async def is_lost(_order_id: str) -> None:
        raise AutoReconnect("no primary")

    with monkeypatch.context() as patched:
        patched.setattr(store, "record_released", is_lost)
        cancelled = await stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ada)
    settled = await stub.ProcessOrder(pb.ProcessOrderRequest(order_id=order.order_id), metadata=worker)

    assert cancelled.status == settled.status == pb.Order.CANCELLED
    assert stock.available == 100
    assert await debt(store, order.order_id) is StockDebt.RELEASED


async def debt(store: OrderStore, order_id: str) -> StockDebt | None:
    """What an order owes to inventory, or owed."""
    order = await store.get(order_id)
    assert order is not None
    return order.stock

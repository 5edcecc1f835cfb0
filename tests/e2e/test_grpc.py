"""The mesh over generated stubs, straight at the services."""

from typing import Any
from uuid import uuid4

import grpc
import pytest

from chassis.errors import read_details
from chassis.testing import bearer
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub
from tests.e2e.conftest import Shop


async def test_an_order_over_stubs_is_the_same_order_over_rest(shop: Shop, ada: str) -> None:
    sku, env = await shop.item(10), shop.stack.environment
    async with grpc.aio.insecure_channel(env["ORDERS_ADDR"]) as channel:
        stub = OrderServiceStub(channel)
        request = orders_pb2.CreateOrderRequest(items=[orders_pb2.OrderLine(sku=sku, quantity=2)], request_id="k-1")
        placed = await stub.CreateOrder(request, metadata=bearer(ada))
        await shop.settled()
        done = await stub.GetOrder(orders_pb2.GetOrderRequest(order_id=placed.order_id), metadata=bearer(ada))

    over_rest = (await shop.http.get(f"/api/orders/{placed.order_id}", headers=dict(bearer(ada)))).json()
    assert done.status == orders_pb2.Order.PROCESSED
    assert (over_rest["orderId"], over_rest["version"]) == (done.order_id, done.version)


@pytest.mark.parametrize("kind", ["customer", "admin"])
async def test_no_user_reserves_stock_past_orders(shop: Shop, ada: str, kind: str) -> None:
    sku, env = await shop.item(10), shop.stack.environment
    token = shop.admin if kind == "admin" else ada
    request = inventory_pb2.ReserveStockRequest(
        order_id=uuid4().hex, fingerprint="0" * 64, lines=[inventory_pb2.Line(sku=sku, quantity=1)]
    )
    async with grpc.aio.insecure_channel(env["INVENTORY_ADDR"]) as channel:
        call: Any = InventoryServiceStub(channel).ReserveStock(request, metadata=bearer(token))

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call

    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert read_details(caught.value).reason == "CALLER_NOT_ALLOWED"


async def test_no_user_processes_orders(shop: Shop, ada: str) -> None:
    async with grpc.aio.insecure_channel(shop.stack.environment["ORDERS_ADDR"]) as channel:
        request = orders_pb2.ProcessOrderRequest(order_id="0" * 32)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await OrderServiceStub(channel).ProcessOrder(request, metadata=bearer(shop.admin))

    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED

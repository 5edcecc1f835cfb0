"""The mesh over the generated gRPC stubs."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC
from typing import TypeVar

import grpc

from deploy.cluster.calls import CALL_SECONDS, as_user, log_in
from deploy.local.demo.shop import OrderSeen, StatusChange, money
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub

Request = TypeVar("Request")
Response = TypeVar("Response")


class StubShop:
    """See :class:`deploy.local.demo.shop.Shop`."""

    way = "gRPC stubs"

    def __init__(self, auth: grpc.aio.Channel, inventory: grpc.aio.Channel, orders: grpc.aio.Channel) -> None:
        self._auth = auth
        self._inventory = InventoryServiceStub(inventory)
        self._orders = OrderServiceStub(orders)
        self._token = ""  # nosec B105 # there is none yet

    async def register(self, email: str, password: str) -> None:
        """AuthService.Register."""
        request = auth_pb2.RegisterRequest(email=email, password=password, name="Grace")
        await AuthServiceStub(self._auth).Register(request, timeout=CALL_SECONDS)

    async def log_in(self, email: str, password: str) -> None:
        """AuthService.Login."""
        self._token = await log_in(self._auth, email, password)

    async def available(self, sku: str) -> int:
        """InventoryService.GetItem."""
        item = await self._inventory.GetItem(inventory_pb2.GetItemRequest(sku=sku), timeout=CALL_SECONDS)
        return item.available

    async def place_order(self, sku: str, quantity: int, idempotency_key: str) -> OrderSeen:
        """OrderService.CreateOrder."""
        line = orders_pb2.OrderLine(sku=sku, quantity=quantity)
        request = orders_pb2.CreateOrderRequest(items=[line], request_id=idempotency_key)
        return _seen(await self._orders.CreateOrder(request, timeout=CALL_SECONDS, metadata=as_user(self._token)))

    async def order(self, order_id: str) -> OrderSeen:
        """OrderService.GetOrder."""
        request = orders_pb2.GetOrderRequest(order_id=order_id)
        return _seen(await self._orders.GetOrder(request, timeout=CALL_SECONDS, metadata=as_user(self._token)))


@asynccontextmanager
async def open_stub_shop(environment: Mapping[str, str]) -> AsyncIterator[StubShop]:
    """The mesh at the addresses of a stack's ``env`` file."""
    async with AsyncExitStack() as stack:
        keys = ("AUTH_ADDR", "INVENTORY_ADDR", "ORDERS_ADDR")
        channels = [await stack.enter_async_context(grpc.aio.insecure_channel(environment[key])) for key in keys]
        yield StubShop(*channels)


def _seen(order: orders_pb2.Order) -> OrderSeen:
    status = orders_pb2.Order.Status.Name
    history = tuple(StatusChange(status(change.status), change.time.ToDatetime(tzinfo=UTC)) for change in order.history)
    total = money(order.total.currency_code, order.total.minor_units)
    return OrderSeen(order.order_id, status(order.status), total, history)

"""Whether a token is refused because its session was ended, asked straight at a service's port."""

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc

from chassis.errors import read_details
from chassis.testing import bearer
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from ordermesh.notifier.v1 import notifier_service_pb2 as notifier_pb2
from ordermesh.notifier.v1.notifier_service_pb2_grpc import NotifierServiceStub
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub

LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 90.0

_QUESTIONS: Mapping[str, tuple[Any, str, Any]] = {
    "auth": (AuthServiceStub, "GetCurrentUser", auth_pb2.GetCurrentUserRequest()),
    "inventory": (
        InventoryServiceStub,
        "GetReservation",
        inventory_pb2.GetReservationRequest(order_id="0" * 32),
    ),
    "orders": (OrderServiceStub, "ListOrders", orders_pb2.ListOrdersRequest(page_size=1)),
    "notifier": (NotifierServiceStub, "ListNotifications", notifier_pb2.ListNotificationsRequest(page_size=1)),
}
"""What wants a token, of each service."""


async def reason_of_refusal(service: str, channel: grpc.aio.Channel, token: str) -> str:
    """The reason with which a token is not let in; empty when it is, whatever comes then."""
    stub, name, request = _QUESTIONS[service]
    try:
        await getattr(stub(channel), name)(request, metadata=bearer(token))
    except grpc.aio.AioRpcError as error:
        return read_details(error).reason if error.code() is grpc.StatusCode.UNAUTHENTICATED else ""
    return ""


async def until_refused(addresses: Mapping[str, list[str]], token: str, reason: str = "TOKEN_REVOKED") -> None:
    """Wait until every replica of every service refuses the token; ``addresses`` are by service.

    :raises TimeoutError: when one does not, for ``PATIENCE_SECONDS``.
    """

    async def at(service: str, address: str) -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            while await reason_of_refusal(service, channel, token) != reason:
                await asyncio.sleep(LOOK_SECONDS)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(at(service, address) for service in addresses for address in addresses[service]))

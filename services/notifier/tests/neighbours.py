"""Auth and orders as the notifier meets them: real servers with answers that a test decides."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from chassis import errors
from chassis.call import Identity, caller, current_call
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.tests.part_of_auth import PartOfAuth
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server
from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceServicer, add_OrderServiceServicer_to_server
from ordermesh.types.v1 import money_pb2
from services.notifier.tests.scene import PATIENCE_SECONDS


class Auth(PartOfAuth):
    """Publishes a test issuer's key and gives the notifier a token."""

    def __init__(self, issuer: TestIssuer) -> None:
        self._issuer = issuer

    async def GetJsonWebKeySet(self, request: Any, context: Any) -> auth_pb2.JsonWebKeySet:
        key = await self._issuer.key(TestIssuer.KEY_ID)
        assert isinstance(key, Ed25519PublicKey)
        jwk = OKPAlgorithm.to_jwk(key, as_dict=True)
        return auth_pb2.JsonWebKeySet(
            keys=[auth_pb2.JsonWebKey(kty=jwk["kty"], crv=jwk["crv"], x=jwk["x"], kid=TestIssuer.KEY_ID)]
        )

    async def IssueTicket(self, request: Any, context: Any) -> Any: ...
    async def IssueServiceToken(self, request: auth_pb2.IssueServiceTokenRequest, context: Any) -> Any:
        token = self._issuer.service(request.client_id)
        return auth_pb2.ServiceToken(access_token=token, token_type="Bearer", expires_in_seconds=600)


class Token:
    """Gives the notifier's own token, or none; after a refusal it gives ``successor``."""

    def __init__(self, issuer: TestIssuer, client_id: str = "notifier") -> None:
        self.current = self.successor = issuer.service(client_id)
        self.trouble: Exception | None = None
        self.refusals: list[str] = []

    async def token(self) -> str:
        if self.trouble is not None:
            raise self.trouble
        return self.current

    def refused(self, token: str) -> None:
        self.refusals.append(token)
        self.current = self.successor


class Orders(OrderServiceServicer):
    """Answers with what a test put in, and remembers who asked for what."""

    def __init__(self) -> None:
        self.orders: dict[str, pb.Order] = {}
        self.trouble: Exception | None = None
        self.told: list[str] = []
        self.callers: list[Identity] = []
        self.traceparents: list[str] = []
        self._changed = asyncio.Condition()

    async def ProcessOrder(self, request: pb.ProcessOrderRequest, context: Any) -> pb.Order:
        await self._note_call()
        if request.order_id not in self.orders:
            raise errors.NotFound("there is no such order")
        return self.orders[request.order_id]

    def WatchOrder(self, request: Any, context: Any) -> Any: ...
    async def ConfirmNotification(self, request: pb.ConfirmNotificationRequest, context: Any) -> Any:
        await self._note_call()
        async with self._changed:
            self.told.append(request.order_id)
            self._changed.notify_all()
        return pb.ConfirmNotificationResponse()

    async def CreateOrder(self, request: Any, context: Any) -> Any: ...
    async def GetOrder(self, request: Any, context: Any) -> Any: ...
    async def ListOrders(self, request: Any, context: Any) -> Any: ...
    async def CancelOrder(self, request: Any, context: Any) -> Any: ...

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something about what was asked holds."""
        async with self._changed, asyncio.timeout(PATIENCE_SECONDS):
            await self._changed.wait_for(condition)

    async def _note_call(self) -> None:
        call = current_call()
        assert call is not None
        async with self._changed:
            self.callers.append(caller())
            self.traceparents.append(call.traceparent)
            self._changed.notify_all()
        if self.trouble is not None:
            raise self.trouble


def order_message(order_id: str, status: pb.Order.Status.ValueType, email: str = "ada@example.com") -> pb.Order:
    def euro(minor_units: int) -> money_pb2.Money:
        return money_pb2.Money(currency_code="EUR", minor_units=minor_units)

    items = [pb.OrderItem(sku="MUG", name="Blue mug", quantity=3, unit_price=euro(1_250))]
    return pb.Order(order_id=order_id, email=email, items=items, total=euro(3_750), status=status)


@asynccontextmanager
async def neighbour_address(service: Service, issuer: TestIssuer) -> AsyncIterator[str]:
    """Where a real server of ``service`` listens, with its full chain."""
    application = Application(services=[service], verifier=issuer.verifier)
    async with running_server(TEST_SERVER, application, "127.0.0.1:0") as port:
        yield f"127.0.0.1:{port}"


def auth_service(auth: Auth) -> Service:
    return Service(
        auth_pb2.DESCRIPTOR.services_by_name["AuthService"], partial(add_AuthServiceServicer_to_server, auth)
    )


def orders_service(orders: Orders) -> Service:
    return Service(pb.DESCRIPTOR.services_by_name["OrderService"], partial(add_OrderServiceServicer_to_server, orders))

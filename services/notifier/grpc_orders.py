"""Orders behind its gRPC stub."""

from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from chassis.channels import TokenSource, call, call_as
from chassis.errors import DomainError, read_details
from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub
from ordermesh.types.v1 import money_pb2
from services.notifier.errors import Dependency, DependencyDown, DependencyFailed, OrderRefused
from services.notifier.money import Money
from services.notifier.notification import Kind
from services.notifier.order import Item, Order

if TYPE_CHECKING:
    from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceAsyncStub

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response")

PROBE_SECONDS = 10.0
"""How long a probe waits for a replica that serves. It sees one at once, also one that is there for a moment only."""

OUTCOMES = {
    pb.Order.PROCESSED: Kind.PROCESSED,
    pb.Order.FAILED: Kind.FAILED,
    pb.Order.CANCELLED: Kind.CANCELLED,
}

REFUSED = frozenset(
    {
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)
"""Orders understood and said no: trying again changes nothing."""

DOUBTFUL = frozenset(
    {
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
    }
)
"""It may be all of orders or this one order; every other code is all of orders, or our way to it."""


class GrpcOrders:
    """See :class:`services.notifier.orders.Orders`."""

    def __init__(self, channel: grpc.aio.Channel, token: TokenSource) -> None:
        self._orders: OrderServiceAsyncStub = OrderServiceStub(channel)
        self._health: Any = HealthStub(channel)
        self._token = token

    async def process(self, order_id: str) -> Order:
        """See the port."""
        return order_of(await self._ask(self._orders.ProcessOrder, pb.ProcessOrderRequest(order_id=order_id)))

    async def confirm_told(self, order_id: str) -> None:
        """See the port."""
        await self._ask(self._orders.ConfirmNotification, pb.ConfirmNotificationRequest(order_id=order_id))

    async def probe(self) -> None:
        """See the port: we have a token, and a replica says that it serves."""
        request = health_pb2.HealthCheckRequest(service=pb.DESCRIPTOR.services_by_name["OrderService"].full_name)
        try:
            await self._token.token()
            answer = await call(self._health.Check, request, timeout_seconds=PROBE_SECONDS, wait_for_ready=True)
        except (grpc.aio.AioRpcError, DomainError) as error:
            raise DependencyDown(Dependency.ORDERS, _words_of(error)) from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise DependencyDown(Dependency.ORDERS, "it does not serve yet")

    async def _ask(self, rpc: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]", request: Request) -> Response:
        try:
            return await call_as(self._token, rpc, request)
        except grpc.aio.AioRpcError as error:
            raise _meaning_of(error) from error
        except DomainError as error:  # no token, or no time left to ask
            raise DependencyDown(Dependency.ORDERS, _words_of(error)) from error


def order_of(message: pb.Order) -> Order:
    """The order in the notifier's words.

    :raises DependencyFailed: when it has not ended, which ProcessOrder promises.
    """
    outcome = OUTCOMES.get(message.status)
    if outcome is None:
        status = pb.Order.Status.Name(message.status)
        raise DependencyFailed(Dependency.ORDERS, f"order {message.order_id} is {status} after it was processed")
    return Order(
        order_id=message.order_id,
        recipient=message.email,
        create_time=message.create_time.ToDatetime(UTC),
        outcome=outcome,
        items=[Item(item.name or item.sku, item.quantity, _money(item.unit_price)) for item in message.items],
        total=_money(message.total),
        failure_message=message.failure.message,
    )


def _money(message: money_pb2.Money) -> Money:
    return Money(message.currency_code, message.minor_units)


def _meaning_of(error: grpc.aio.AioRpcError) -> OrderRefused | DependencyDown:
    if error.code() in REFUSED:
        return OrderRefused(_words_of(error))
    if error.code() in DOUBTFUL:
        return DependencyFailed(Dependency.ORDERS, _words_of(error))
    return DependencyDown(Dependency.ORDERS, _words_of(error))


def _words_of(error: grpc.aio.AioRpcError | DomainError) -> str:
    if isinstance(error, DomainError):
        return error.message
    return f"{error.code().name} {read_details(error).reason}"

"""Inventory over gRPC."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import grpc
from google.protobuf.message import Message

from chassis.channels import TokenSource, call_as
from chassis.errors import InvalidArgument, ResourceExhausted, Violation, read_details
from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from services.orders.errors import IdempotencyKeyReused, InventoryUnavailable, OutOfStock
from services.orders.order import Line, Money, OrderItem
from services.orders.stock import Hold

if TYPE_CHECKING:
    from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceAsyncStub

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)


_TRANSIENT = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNAUTHENTICATED,  # auth has other keys than inventory knows; both get over it
    }
)


class GrpcStock:
    """See :class:`services.orders.stock.Stock`."""

    def __init__(self, inventory: "InventoryServiceAsyncStub", tokens: TokenSource) -> None:
        self._inventory = inventory
        self._tokens = tokens

    async def reserve(self, order_id: str, fingerprint: str, lines: Sequence[Line]) -> Hold:
        """See the port."""
        wanted = [pb.Line(sku=line.sku, quantity=line.quantity) for line in lines]
        request = pb.ReserveStockRequest(order_id=order_id, fingerprint=fingerprint, lines=wanted)
        answer = await self._ask(self._inventory.ReserveStock, request)
        return Hold(tuple(_item(line) for line in answer.reservation.lines), answer.created)

    async def commit(self, order_id: str, fingerprint: str) -> bool:
        """See the port."""
        request = pb.CommitReservationRequest(order_id=order_id, fingerprint=fingerprint)
        answer = await self._ask(self._inventory.CommitReservation, request)
        if answer.state not in {pb.Reservation.COMMITTED, pb.Reservation.RELEASED}:
            raise RuntimeError(f"inventory answered a commit with {pb.Reservation.State.Name(answer.state)}")
        return answer.state == pb.Reservation.COMMITTED

    async def release(self, order_id: str, fingerprint: str) -> None:
        """See the port."""
        request = pb.ReleaseReservationRequest(order_id=order_id, fingerprint=fingerprint)
        await self._ask(self._inventory.ReleaseReservation, request)

    async def _ask(self, rpc: "grpc.aio.UnaryUnaryMultiCallable[Request, Answer]", request: Request) -> Answer:
        try:
            return await call_as(self._tokens, rpc, request)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from error


def _item(line: pb.ReservedLine) -> OrderItem:
    price = Money(line.unit_price.currency_code, line.unit_price.minor_units)
    return OrderItem(line.sku, line.name, line.quantity, price)


def _refusal(error: grpc.aio.AioRpcError) -> Exception:
    """What inventory said, in the words of orders.

    Only what passes by itself is UNAVAILABLE: callers wait for that. Anything else that nobody expects of
    inventory is one order's own trouble, and must not hold up the others.
    """
    details = read_details(error)
    match details.reason:
        case OutOfStock.reason:
            return OutOfStock(error.details() or "", details.metadata)
        case IdempotencyKeyReused.reason:
            return IdempotencyKeyReused()
        case InvalidArgument.reason:
            fields = [(v.field.replace("lines[", "items[", 1), v.description) for v in details.violations]
            return InvalidArgument([Violation(field, description) for field, description in fields])
        case ResourceExhausted.reason:
            return ResourceExhausted("inventory has too much to do", details.retry_after_seconds or 1.0)
    if error.code() in _TRANSIENT:
        _log.warning("inventory answered %s %s", error.code().name, details.reason)
        return InventoryUnavailable()
    return RuntimeError(f"inventory answered {error.code().name} {details.reason}")

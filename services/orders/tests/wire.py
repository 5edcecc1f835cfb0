"""What the tests that call orders through a real server share."""

from typing import TYPE_CHECKING, Any

import grpc
import pytest

from chassis.errors import read_details
from ordermesh.orders.v1 import order_service_pb2 as pb

if TYPE_CHECKING:
    from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceAsyncStub

    Stub = OrderServiceAsyncStub
else:
    Stub = Any

LAMPS_2 = (("LAMP", 2),)


def wanted(*lines: tuple[str, int], key: str = "") -> pb.CreateOrderRequest:
    items = [pb.OrderLine(sku=sku, quantity=quantity) for sku, quantity in lines]
    return pb.CreateOrderRequest(items=items, request_id=key)


async def refused(call: Any, code: grpc.StatusCode, reason: str) -> Any:
    """The details of the error that ``call`` must end with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    details = read_details(caught.value)
    assert (caught.value.code(), details.reason) == (code, reason)
    return details

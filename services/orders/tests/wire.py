"""What the tests that call orders through a real server share."""

from typing import TYPE_CHECKING, Any

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

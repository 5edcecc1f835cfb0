"""The generated synchronous stubs, as a synchronous client uses them, on grpcio-testing's channel."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc_testing
import pytest

from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub

SERVICE = pb.DESCRIPTOR.services_by_name["OrderService"]
CREATE_ORDER = SERVICE.methods_by_name["CreateOrder"]


def test_a_synchronous_client_places_an_order() -> None:
    channel = grpc_testing.channel([SERVICE], grpc_testing.strict_real_time())
    request = pb.CreateOrderRequest(items=[pb.OrderLine(sku="LAMP", quantity=2)], request_id="k-1")
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(OrderServiceStub(channel).CreateOrder, request, timeout=5)
        metadata, sent, rpc = channel.take_unary_unary(CREATE_ORDER)
        rpc.terminate(pb.Order(order_id="o-1", status=pb.Order.PENDING), (), grpc.StatusCode.OK, "")

        order = answer.result(5)

    assert sent == request
    assert (order.order_id, order.status) == ("o-1", pb.Order.PENDING)
    assert metadata is not None


def test_a_synchronous_client_hears_a_refusal() -> None:
    channel = grpc_testing.channel([SERVICE], grpc_testing.strict_real_time())
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(OrderServiceStub(channel).CreateOrder, pb.CreateOrderRequest(), timeout=5)
        _, _, rpc = channel.take_unary_unary(CREATE_ORDER)
        rpc.terminate(None, (), grpc.StatusCode.FAILED_PRECONDITION, "not enough in stock")

        with pytest.raises(grpc.RpcError) as caught:
            answer.result(5)

    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION

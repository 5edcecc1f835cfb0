"""Orders' domain as messages of the contract."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.types.v1 import money_pb2
from services.orders.order import Money, Order


def order_message(order: Order) -> pb.Order:
    """An order as its owner sees it."""
    items = [
        pb.OrderItem(sku=item.sku, name=item.name, quantity=item.quantity, unit_price=_money(item.unit_price))
        for item in order.items
    ]
    history = [
        pb.StatusChange(status=pb.Order.Status.Value(change.status), time=_timestamp(change.time))
        for change in order.history
    ]
    failure = pb.Failure(reason=order.failure.reason, message=order.failure.message) if order.failure else None
    return pb.Order(
        order_id=order.order_id,
        user_id=order.user_id,
        email=order.email,
        items=items,
        total=_money(order.total),
        status=pb.Order.Status.Value(order.status),
        failure=failure,
        version=order.version,
        create_time=_timestamp(order.create_time),
        update_time=_timestamp(order.update_time),
        history=history,
    )


def _money(money: Money) -> money_pb2.Money:
    return money_pb2.Money(currency_code=money.currency_code, minor_units=money.minor_units)


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message

"""Inventory's domain as messages of the contract, and back."""

from google.protobuf.timestamp_pb2 import Timestamp

from ordermesh.inventory.v1 import inventory_service_pb2 as pb
from ordermesh.types.v1 import money_pb2
from services.inventory.item import Item, Money
from services.inventory.reservation import Reservation


def money_from(message: money_pb2.Money) -> Money:
    """The domain's money."""
    return Money(message.currency_code, message.minor_units)


def item_message(item: Item, *, for_admin: bool) -> pb.Item:
    """An item; what is reserved and sold only for admins."""
    message = pb.Item(
        sku=item.sku,
        name=item.name,
        unit_price=_money_message(item.unit_price),
        available=item.available,
        version=item.version,
    )
    if for_admin:
        message.reserved, message.sold = item.reserved, item.sold
    return message


def reservation_message(reservation: Reservation) -> pb.Reservation:
    """A reservation."""
    expire_time = Timestamp()
    expire_time.FromDatetime(reservation.expire_time)
    lines = [
        pb.ReservedLine(
            sku=line.sku, name=line.name, quantity=line.quantity, unit_price=_money_message(line.unit_price)
        )
        for line in reservation.lines
    ]
    return pb.Reservation(
        order_id=reservation.order_id,
        fingerprint=reservation.fingerprint,
        lines=lines,
        state=pb.Reservation.State.Value(reservation.state),
        expire_time=expire_time,
    )


def _money_message(money: Money) -> money_pb2.Money:
    return money_pb2.Money(currency_code=money.currency_code, minor_units=money.minor_units)

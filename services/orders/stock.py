"""What orders needs of inventory, in the words of orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chassis.crash_points import Port
from services.orders.order import Line, OrderItem


@dataclass(frozen=True, slots=True)
class Hold:
    """Stock held for an order. ``created`` by this very call, or there before."""

    items: tuple[OrderItem, ...]
    created: bool


class Stock(Protocol):
    """Inventory's verdicts are final, and the only ones: orders mirrors them."""

    async def reserve(self, order_id: str, fingerprint: str, lines: Sequence[Line]) -> Hold:
        """Hold stock for every line, or for none; a hold that is there is renewed.

        :raises OutOfStock: when there is not enough.
        :raises InvalidArgument: for a sku that does not exist, or two currencies.
        :raises IdempotencyKeyReused: when the order's id came with another fingerprint before.
        :raises Unavailable: when inventory does not answer.
        """
        ...

    async def commit(self, order_id: str, fingerprint: str) -> bool:
        """Sell what is held. False is inventory's definite no: the hold had expired, the stock is gone.

        :raises Unavailable: when inventory does not answer.
        """
        ...

    async def release(self, order_id: str, fingerprint: str) -> None:
        """Give back what is held.

        :raises Unavailable: when inventory does not answer.
        """
        ...


STOCK_PORT = Port(
    "orders.stock",
    Stock,
    effects=("reserve", "commit", "release"),
)

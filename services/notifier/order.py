"""An order that has ended, as much of it as its customer is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.notifier.money import Money
from services.notifier.notification import Kind


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order."""

    name: str
    quantity: int
    unit_price: Money

    @property
    def price(self) -> Money:
        """The price of all."""
        return Money(self.unit_price.currency_code, self.quantity * self.unit_price.minor_units)


@dataclass(frozen=True, slots=True)
class Order:
    """An order that has ended. ``recipient`` is the address that its customer had at ``create_time``, placing it."""

    order_id: str
    recipient: str
    create_time: datetime
    outcome: Kind
    items: Sequence[Item]
    total: Money
    failure_message: str = ""

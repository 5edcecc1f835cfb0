"""An item and its stock. For each item ``adjusted == available + reserved + sold``, all at least 0."""

from dataclasses import dataclass, replace
from typing import Self

SKU_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
CURRENCY_PATTERN = r"[A-Z]{3}"
NAME_LENGTH_MAX = 200
STOCK_MAX = 1_000_000_000
UNIT_PRICE_MINOR_UNITS_MAX = 1_000_000_000
REASON_LENGTH_MAX = 200

INITIAL_STOCK_REQUEST_ID = ""
"""The id of the adjustment that an item begins with. No caller can send it: theirs are not empty."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in the smallest unit of an ISO 4217 currency."""

    currency_code: str
    minor_units: int


@dataclass(frozen=True, slots=True)
class Item:
    """A stocked thing. ``adjusted`` is all stock ever added, less what was taken by adjustments.

    ``version`` counts its changes, so one version of an item is one content.
    """

    sku: str
    name: str
    unit_price: Money
    available: int
    reserved: int
    sold: int
    adjusted: int
    version: int

    @classmethod
    def new(cls, sku: str, name: str, unit_price: Money, stock: int) -> Self:
        """An item that nobody has ordered yet."""
        return cls(sku, name, unit_price, available=stock, reserved=0, sold=0, adjusted=stock, version=1)

    def adjust(self, delta: int) -> Self:
        """Add to or take from what is available."""
        available, adjusted = self.available + delta, self.adjusted + delta
        return replace(self, available=available, adjusted=adjusted, version=self.version + 1)

    def hold(self, quantity: int) -> Self:
        """Set stock aside for an order."""
        available, reserved = self.available - quantity, self.reserved + quantity
        return replace(self, available=available, reserved=reserved, version=self.version + 1)

    def give_back(self, quantity: int) -> Self:
        """Undo a hold."""
        return self.hold(-quantity)

    def sell(self, quantity: int) -> Self:
        """Turn held stock into sold stock."""
        reserved, sold = self.reserved - quantity, self.sold + quantity
        return replace(self, reserved=reserved, sold=sold, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of stock by an admin, once for each (sku, request_id)."""

    sku: str
    request_id: str
    delta: int
    reason: str
    actor: str

"""What the demo needs of the mesh, whichever way it talks to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class StatusChange:
    """A status that an order got, and when."""

    status: str
    time: datetime


@dataclass(frozen=True)
class OrderSeen:
    """An order as its customer sees it."""

    order_id: str
    status: str
    total: str
    history: tuple[StatusChange, ...]


class Shop(Protocol):
    """The mesh, as one customer uses it."""

    way: str
    """How the customer talks to it, for people."""

    async def register(self, email: str, password: str) -> None:
        """Open an account."""
        ...

    async def log_in(self, email: str, password: str) -> None:
        """Be that customer from now on."""
        ...

    async def available(self, sku: str) -> int:
        """How many can be ordered now."""
        ...

    async def place_order(self, sku: str, quantity: int, idempotency_key: str) -> OrderSeen:
        """Order some of one item."""
        ...

    async def order(self, order_id: str) -> OrderSeen:
        """The order as it is now."""
        ...


def money(currency_code: str, minor_units: int) -> str:
    """An amount for people."""
    return f"{minor_units / 100:.2f} {currency_code}"

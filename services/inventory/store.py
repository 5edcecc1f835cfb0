"""Where inventory keeps its items, reservations and adjustments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from chassis.crash_points import Port
from chassis.pages import Page
from services.inventory.decisions import Decision, Outcome
from services.inventory.item import Adjustment, Item, Money
from services.inventory.reservation import Reservation


class InventoryStore(Protocol):
    """What inventory needs kept. What a method answered is durable."""

    async def decide(self, decisions: Sequence[Decision]) -> list[Outcome]:
        """Take the decisions in order as one atomic step; one outcome for each."""
        ...

    async def create_item(self, item: Item, initial: Adjustment) -> None:
        """Add an item and the adjustment that it begins with.

        :raises ItemExists: when there is one with its sku.
        """
        ...

    async def update_item(self, sku: str, name: str | None, unit_price: Money | None) -> Item:
        """Change what is not None.

        :raises ItemNotFound: when there is no such item.
        """
        ...

    async def get_item(self, sku: str) -> Item | None:
        """The item, or None."""
        ...

    async def list_items(self, page: Page) -> list[Item]:
        """The items of a page, by sku; one more than its size when there are more."""
        ...

    async def get_reservation(self, order_id: str) -> Reservation | None:
        """The reservation, or None."""
        ...

    async def overdue_holds(self, now: datetime, count_max: int) -> list[str]:
        """Orders whose hold should have been committed by ``now``, the oldest first."""
        ...


STORE_PORT = Port(
    "inventory.store",
    InventoryStore,
    effects=("decide", "create_item", "update_item"),
    reads=("get_item", "list_items", "get_reservation", "overdue_holds"),
)

"""Inventory in memory: for tests of what stands above the store."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chassis.pages import Page
from services.inventory.decisions import Decision, Outcome, Shelves, take
from services.inventory.errors import ItemExists, ItemNotFound
from services.inventory.item import Adjustment, Item, Money
from services.inventory.reservation import Reservation, State


class MemoryStore:
    """See :class:`services.inventory.store.InventoryStore`."""

    def __init__(self) -> None:
        self._shelves = Shelves()

    async def decide(self, decisions: Sequence[Decision]) -> list[Outcome]:
        """See the port."""
        return take(decisions, self._shelves)

    async def create_item(self, item: Item, initial: Adjustment) -> None:
        """See the port."""
        if item.sku in self._shelves.items:
            raise ItemExists(item.sku)
        self._shelves.items[item.sku] = item
        self._shelves.adjustments[initial.sku, initial.request_id] = initial

    async def update_item(self, sku: str, name: str | None, unit_price: Money | None) -> Item:
        """See the port."""
        item = self._shelves.items.get(sku)
        if item is None:
            raise ItemNotFound(sku)
        changed = replace(
            item, name=name or item.name, unit_price=unit_price or item.unit_price, version=item.version + 1
        )
        self._shelves.items[sku] = changed
        return changed

    async def get_item(self, sku: str) -> Item | None:
        """See the port."""
        return self._shelves.items.get(sku)

    async def list_items(self, page: Page) -> list[Item]:
        """See the port."""
        after = page.after[0] if page.after else ""
        skus = sorted(sku for sku in self._shelves.items if sku > after)
        return [self._shelves.items[sku] for sku in skus[: page.size + 1]]

    async def get_reservation(self, order_id: str) -> Reservation | None:
        """See the port."""
        return self._shelves.reservations.get(order_id)

    async def overdue_holds(self, now: datetime, count_max: int) -> list[str]:
        """See the port."""
        held = (r for r in self._shelves.reservations.values() if r.state is State.HELD and r.expire_time <= now)
        return [r.order_id for r in sorted(held, key=lambda r: r.expire_time)[:count_max]]

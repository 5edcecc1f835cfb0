"""Where orders keeps its orders, their outbox and their debts."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from chassis.pages import Page
from services.orders.order import Event, Move, Order

SWEEP_INTERVAL_SHARE = 0.5
"""The first interval between two sweeps of an order, as a share of the age at which it is first swept."""

SWEEP_INTERVAL_AGES_MAX = 60
"""The longest interval, in multiples of that age: an hour for 60 s."""


class OrderStore(Protocol):
    """What orders needs kept. What a method answered is durable.

    A store is made with the age at which an order that is not settled is first swept.
    """

    async def insert(self, orders: Sequence[Order]) -> list[bool]:
        """Add orders with their pending events; for each: False when its id is there already."""
        ...

    async def get(self, order_id: str) -> Order | None:
        """The order, or None."""
        ...

    async def list_by_user(self, user_id: str, page: Page) -> list[Order]:
        """A user's orders of a page, the newest first; one more than its size when there are more."""
        ...

    async def apply(self, move: Move) -> Order | None:
        """Make a move in one write, its event included; None when the order is no longer where it began."""
        ...

    async def record_released(self, order_id: str) -> None:
        """Inventory confirmed that the order's stock is released."""
        ...

    async def record_notified(self, order_id: str) -> Order | None:
        """The customer of an order that ended was told; None when there is no order that ended."""
        ...

    async def claim_events(self, now: datetime, lease: timedelta, orders_max: int) -> list[Event]:
        """Events that nobody else will publish within ``lease``."""
        ...

    async def record_published(self, order_id: str, event_ids: Collection[str]) -> None:
        """Forget events that the queue has."""
        ...

    async def overdue(self, now: datetime, orders_max: int) -> list[Order]:
        """Orders that should have ended and been settled by ``now``."""
        ...

    async def claim_overdue(self, order: Order, now: datetime) -> bool:
        """Put off an overdue order's next sweep, and publish it again unless it is about to be.

        The interval doubles each time. False when somebody else did it first.
        """
        ...

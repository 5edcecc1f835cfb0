"""Where orders keeps its orders, their outbox and their debts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chassis.crash_points import Port
from chassis.pages import Page
from services.orders.order import Event, Move, Order

REPUBLISH_SHARE = 0.5
"""The first interval between two publications of an order, as a share of the age at which it is first swept."""

REPUBLISH_AGES_MAX = 60
"""The longest interval, in multiples of that age: an hour for 60 s."""

LOOK_AGAIN = timedelta(seconds=30)
"""When to look again at an order that somebody meant to look after, and did not: longer than a call may take."""

LOOK_AGAIN_SHARE = 1 / 4
"""The same as a share of how often a hold is renewed, where that is not often enough: with holds of a few seconds."""


@dataclass(frozen=True, slots=True)
class SweepTimes:
    """When an order that is not settled is looked at again.

    ``age``: how old it becomes before it is published again. ``renew``: how often its hold on stock is
    renewed meanwhile, however rarely it is published.
    """

    age: timedelta
    renew: timedelta

    @property
    def first_look(self) -> timedelta:
        """How old an order becomes before the sweep sees it."""
        return min(self.age, self.renew)

    @property
    def first_interval(self) -> timedelta:
        """The interval between the first publication by the sweep and the second."""
        return REPUBLISH_SHARE * self.age

    @property
    def last_interval(self) -> timedelta:
        """The interval that does not double any more."""
        return REPUBLISH_AGES_MAX * self.age

    @property
    def look_again(self) -> timedelta:
        """When to look again at an order that was claimed and not put off."""
        return min(LOOK_AGAIN, LOOK_AGAIN_SHARE * self.renew)

    @property
    def shortest_interval(self) -> timedelta:
        """The shortest interval between two looks at an order when all goes well."""
        return min(self.first_interval, self.renew)


OUTBOX_ORDERS_MAX = 10_000
"""So many orders in the outbox are counted; what is more is not told apart."""

OUTBOX_LOOKED_AT_MAX = 500
"""In so many of them the oldest event is looked for: those that are published next. When more wait, in an outage, an
older one may stand behind them."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """How many orders have events to publish (at most ``OUTBOX_ORDERS_MAX``), and when the oldest of these happened."""

    orders: int
    oldest_time: datetime | None


class OrderStore(Protocol):
    """What orders needs kept. What a method answered is durable. A store is made with its SweepTimes."""

    async def insert(self, orders: Sequence[Order]) -> list[bool]:
        """Add orders with their pending events; for each: False when its id is there already."""
        ...

    async def get(self, order_id: str) -> Order | None:
        """The order, or None."""
        ...

    async def get_many(self, order_ids: Collection[str]) -> list[Order]:
        """Those of the orders that are there, in any order."""
        ...

    async def list_by_user(self, user_id: str, page: Page) -> list[Order]:
        """A user's orders of a page, the newest first; one more than its size when there are more."""
        ...

    async def apply(self, move: Move) -> Order | None:
        """Make a move in one write, its event included; None when the order is no longer where it began.

        An event that comes while others of the order are claimed waits until those are recorded.
        """
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

    async def outbox(self) -> Outbox:
        """What waits to be published."""
        ...

    async def overdue(self, now: datetime, orders_max: int) -> list[Order]:
        """Orders that are not settled and should be looked at by ``now``."""
        ...

    async def claim_overdue(self, order: Order, now: datetime, *, publish: bool) -> bool:
        """Keep others from an overdue order for ``look_again``; False when somebody else was first.

        With ``publish`` it is also published again, unless it is about to be, or was not long enough ago:
        that interval doubles each time.
        """
        ...

    async def put_off(self, order_id: str, now: datetime) -> None:
        """Who claimed an order at ``now`` has looked after it: the next look comes when it may be published again.

        At the latest, and when it is published later than it might be, it comes when its hold is to be renewed.
        """
        ...


STORE_PORT = Port(
    "orders.store",
    OrderStore,
    effects=(
        "insert",
        "apply",
        "record_released",
        "record_notified",
        "claim_events",
        "record_published",
        "claim_overdue",
        "put_off",
    ),
    reads=("get", "get_many", "list_by_user", "outbox", "overdue"),
)

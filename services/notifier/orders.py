"""Orders, in the notifier's words."""

from typing import Protocol

from chassis.crash_points import Port
from services.notifier.order import Order


class Orders(Protocol):
    """The service that owns the orders.

    Everything raises :class:`DependencyDown` when it serves nobody, :class:`DependencyFailed` when it
    failed on this order, and :class:`OrderRefused` when it says no for good.
    """

    async def process(self, order_id: str) -> Order:
        """Bring an order to its end; one that has ended is answered as it is."""
        ...

    async def confirm_told(self, order_id: str) -> None:
        """Record that the customer of an order that ended was told."""
        ...

    async def probe(self) -> None:
        """Return when orders serves."""
        ...


ORDERS_PORT = Port(
    "notifier.orders",
    Orders,
    effects=("process", "confirm_told"),
    reads=("probe",),
)

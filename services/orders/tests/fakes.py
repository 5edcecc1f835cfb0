"""Small real things that stand in for what orders talks to."""

import asyncio
from collections.abc import Collection, Sequence

from services.orders.errors import IdempotencyKeyReused, InventoryUnavailable, OutOfStock
from services.orders.order import Event, Line, Money, OrderItem
from services.orders.relay import QueueUnavailable
from services.orders.stock import Hold


class FakeStock:
    """An inventory of lamps at 25 EUR: what it holds is what was reserved and neither sold nor released."""

    def __init__(self, available: int = 100) -> None:
        self.available = available
        self.holds: dict[str, tuple[str, tuple[Line, ...]]] = {}
        self.sold: set[str] = set()
        self.released: set[str] = set()
        self.reserve_calls = 0
        self.is_down = False
        self.failures_left = 0
        self.confused_about: str | None = None

    async def reserve(self, order_id: str, fingerprint: str, lines: Sequence[Line]) -> Hold:
        self._check_up(order_id)
        self.reserve_calls += 1
        items = tuple(OrderItem(line.sku, line.sku.title(), line.quantity, Money("EUR", 2_500)) for line in lines)
        if order_id in self.holds:
            if self.holds[order_id][0] != fingerprint:
                raise IdempotencyKeyReused
            return Hold(items, created=False)
        wanted = sum(line.quantity for line in lines)
        if wanted > self.available:
            raise OutOfStock("not enough", {lines[0].sku: str(self.available)})
        self.available -= wanted
        self.holds[order_id] = (fingerprint, tuple(lines))
        return Hold(items, created=True)

    async def commit(self, order_id: str, fingerprint: str) -> bool:
        self._check_up(order_id)
        if order_id in self.released:
            return False
        self.sold.add(order_id)
        return True

    async def release(self, order_id: str, fingerprint: str) -> None:
        self._check_up(order_id)
        if order_id not in self.released:
            self.available += sum(line.quantity for line in self.holds[order_id][1])
            self.released.add(order_id)

    def lose(self, order_id: str) -> None:
        """The hold expired and the stock is gone: the verdict on it will be RELEASED."""
        self.released.add(order_id)

    def _check_up(self, order_id: str) -> None:
        if self.is_down or self.failures_left:
            self.failures_left = max(0, self.failures_left - 1)
            raise InventoryUnavailable
        if order_id == self.confused_about:
            raise RuntimeError("inventory answered what nobody expects")


class FakeQueue:
    """A queue that keeps what it was sent; it can be down, and it can refuse single events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.batches: list[Sequence[Event]] = []
        self.refused: set[str] = set()
        self.is_down = False
        self.waiting = 0
        self.arrived = asyncio.Event()

    async def publish(self, events: Sequence[Event]) -> Collection[str]:
        if self.is_down:
            raise QueueUnavailable("down")
        self.batches.append(events)
        accepted = [event for event in events if event.event_id not in self.refused]
        self.events.extend(accepted)
        self.arrived.set()
        return {event.event_id for event in accepted}

    async def depth(self) -> int:
        if self.is_down:
            raise QueueUnavailable("down")
        return self.waiting

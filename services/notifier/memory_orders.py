"""Orders in memory: they end as they were put in."""

import asyncio
from collections.abc import Callable

from services.notifier.errors import OrderRefused
from services.notifier.order import Order


class MemoryOrders:
    """See :class:`services.notifier.orders.Orders`.

    While ``trouble`` is set, it is what everything raises; ``confirm_trouble`` only confirming; and
    ``failing`` has what single orders raise.
    """

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.processed: list[str] = []
        self.told: list[str] = []
        self.trouble: Exception | None = None
        self.confirm_trouble: Exception | None = None
        self.failing: dict[str, Exception] = {}
        self.probes = 0
        self._changed = asyncio.Condition()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something about what was asked holds."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def process(self, order_id: str) -> Order:
        """See the port."""
        async with self._changed:
            self.processed.append(order_id)
            self._changed.notify_all()
        trouble = self.trouble or self.failing.get(order_id)
        if trouble is not None:
            raise trouble
        if order_id not in self.orders:
            raise OrderRefused("there is no such order")
        return self.orders[order_id]

    async def confirm_told(self, order_id: str) -> None:
        """See the port."""
        trouble = self.trouble or self.confirm_trouble
        if trouble is not None:
            raise trouble
        self.told.append(order_id)

    async def probe(self) -> None:
        """See the port."""
        async with self._changed:
            self.probes += 1
            self._changed.notify_all()
        if self.trouble is not None:
            raise self.trouble

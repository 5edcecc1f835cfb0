"""The mesh of a run: one life of each service at a time, born again when it died."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from chassis.errors import Unavailable
from services.notifier.metrics import IN_FLIGHT
from tests.faults.in_process.inventory import Inventory
from tests.faults.in_process.notifier import Notifier
from tests.faults.in_process.orders import Orders
from tests.faults.in_process.outside import Outside
from tests.faults.in_process.process import Plan, Process, Unreachable

T = TypeVar("T")

TRIES_MAX = 5
"""A run has one death, so a second try is answered; more are for a service that waits for another."""

GLANCE_SECONDS = 0.001
PATIENCE_SECONDS = 10.0
"""How long the worker may take, in real time, for what it can do now."""


class Mesh:
    """Inventory, orders and, from :meth:`start_notifier` on, the notifier."""

    def __init__(self, outside: Outside, plan: Plan) -> None:
        self.outside = outside
        self._plan = plan
        self.inventory = self._born_inventory()
        self.orders = self._born_orders()
        self.notifier: Notifier | None = None

    def start_notifier(self) -> None:
        """Let messages be handled."""
        self.notifier = self._born_notifier()

    async def revive(self) -> None:
        """Start again what died."""
        if self.inventory.process.is_dead:
            await self.inventory.process.bury()
            self.inventory = self._born_inventory()
        if self.orders.process.is_dead:
            await self.orders.process.bury()
            self.orders = self._born_orders()
        if self.notifier is not None and self.notifier.process.is_dead:
            await self.notifier.process.bury()
            self.notifier = self._born_notifier()

    async def ask_inventory(self, question: Callable[[Inventory], Coroutine[Any, Any, T]]) -> T:
        """Ask until there is a definite answer, as a client does."""
        return await self._ask(lambda: (self.inventory.process, question(self.inventory)))

    async def ask_orders(self, question: Callable[[Orders], Coroutine[Any, Any, T]]) -> T:
        """Ask until there is a definite answer, as a client does."""
        return await self._ask(lambda: (self.orders.process, question(self.orders)))

    async def ask_notifier(self, question: Callable[[Notifier], Coroutine[Any, Any, T]]) -> T:
        """Ask until there is a definite answer, as a client does."""
        return await self._ask(lambda: (self._notifier.process, question(self._notifier)))

    async def worked(self) -> None:
        """Wait until the notifier has done what it can do now, and bring back whoever dies meanwhile."""
        queue = self.outside.queue
        async with asyncio.timeout(PATIENCE_SECONDS):
            while queue.has_visible or queue.dead.has_visible or _in_flight():
                await self.revive()
                await asyncio.sleep(GLANCE_SECONDS)
        await self.revive()

    async def bury(self) -> None:
        """Let nobody live."""
        for process in self._processes():
            await process.bury()

    async def _ask(self, ask: Callable[[], tuple[Process, Coroutine[Any, Any, T]]]) -> T:
        for _ in range(TRIES_MAX):
            await self.revive()
            process, question = ask()
            try:
                return await process.answer(question)
            except (Unreachable, Unavailable):
                continue
        raise AssertionError(f"no definite answer after {TRIES_MAX} tries")

    @property
    def _notifier(self) -> Notifier:
        assert self.notifier is not None, "it was started"
        return self.notifier

    def _processes(self) -> list[Process]:
        lives = (self.inventory, self.orders, self.notifier)
        return [life.process for life in lives if life is not None]

    def _born_inventory(self) -> Inventory:
        return Inventory(self.outside, self._plan)

    def _born_orders(self) -> Orders:
        return Orders(self.outside, self._plan, lambda: self.inventory)

    def _born_notifier(self) -> Notifier:
        return Notifier(self.outside, self._plan, lambda: self.orders)


@asynccontextmanager
async def living(outside: Outside, plan: Plan) -> AsyncIterator[Mesh]:
    """A mesh that is gone when the block ends."""
    mesh = Mesh(outside, plan)
    try:
        yield mesh
    finally:
        await mesh.bury()


def _in_flight() -> bool:
    return any(sample.value > 0 for metric in IN_FLIGHT.collect() for sample in metric.samples)

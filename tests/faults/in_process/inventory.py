"""A life of inventory, and how orders sees inventory when it asks without gRPC."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from services.inventory import errors
from services.inventory.create_item import create_item, update_item
from services.inventory.decisions import Adjust, Commit, Decision, Release, Reserved
from services.inventory.item import Adjustment, Money
from services.inventory.reservation import Line as InventoryLine
from services.inventory.reservation import State
from services.inventory.reserve_stock import expire_overdue, reserve_stock
from services.inventory.store import STORE_PORT
from services.inventory.writer import Writer
from services.orders.errors import IdempotencyKeyReused, InventoryUnavailable, OutOfStock
from services.orders.order import Line, OrderItem
from services.orders.order import Money as OrdersMoney
from services.orders.stock import Hold
from tests.faults.in_process.outside import Outside
from tests.faults.in_process.process import Plan, Process, Unreachable
from tests.faults.in_process.times import HOLD_SECONDS

ADMIN = "root"


class Inventory:
    """What inventory's servicer calls."""

    def __init__(self, outside: Outside, plan: Plan) -> None:
        self.process = Process(plan)
        self._clock = outside.clock
        self._store = self.process.around(outside.inventory, STORE_PORT)
        self._writer = Writer(self._store)
        self.process.spawn(self._writer.run())

    async def create_item(self, sku: str, stock: int) -> None:
        """Add an item at one euro."""
        await create_item(self._store, sku, sku.title(), Money("EUR", 100), stock, ADMIN)

    async def rename_item(self, sku: str, name: str) -> None:
        """Change an item's name."""
        await update_item(self._store, sku, name, None)

    async def add_stock(self, sku: str, delta: int) -> None:
        """Add to an item's stock, once."""
        await self._writer.adjusted(Adjust(Adjustment(sku, "delivery", delta, "delivered", ADMIN)))

    async def reserve(self, order_id: str, fingerprint: str, lines: Sequence[Line]) -> Reserved:
        """Hold stock for an order."""
        wanted = [InventoryLine(line.sku, line.quantity) for line in lines]
        return await reserve_stock(self._writer, self._clock, HOLD_SECONDS, order_id, fingerprint, wanted)

    async def decide(self, decision: Decision) -> Reserved:
        """Decide about a reservation."""
        assert not isinstance(decision, Adjust)
        return await self._writer.reserved(decision)

    async def expire(self) -> None:
        """Give back what nobody committed in time."""
        await expire_overdue(self._store, self._writer, self._clock)


class DirectStock:
    """See :class:`services.orders.stock.Stock`. ``inventory`` is the one that lives now."""

    def __init__(self, inventory: Callable[[], Inventory]) -> None:
        self._inventory = inventory

    async def reserve(self, order_id: str, fingerprint: str, lines: Sequence[Line]) -> Hold:
        """See the port."""
        reserved = await self._ask(self._inventory().reserve(order_id, fingerprint, lines))
        items = tuple(
            OrderItem(line.sku, line.name, line.quantity, OrdersMoney("EUR", line.unit_price.minor_units))
            for line in reserved.reservation.lines
        )
        return Hold(items, reserved.created)

    async def commit(self, order_id: str, fingerprint: str) -> bool:
        """See the port."""
        reserved = await self._ask(self._inventory().decide(Commit(order_id, fingerprint)))
        return reserved.reservation.state is State.COMMITTED

    async def release(self, order_id: str, fingerprint: str) -> None:
        """See the port."""
        await self._ask(self._inventory().decide(Release(order_id, fingerprint)))

    async def _ask(self, question: Coroutine[Any, Any, Reserved]) -> Reserved:
        try:
            return await self._inventory().process.answer(question)
        except errors.OutOfStock as error:
            raise OutOfStock(error.message, error.metadata) from error
        except errors.IdempotencyKeyReused as error:
            raise IdempotencyKeyReused from error
        except Unreachable as error:
            raise InventoryUnavailable from error

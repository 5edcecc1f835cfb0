"""What customers, an admin and bad luck do to the shop in one run."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chassis.call import Identity
from services.inventory.errors import ItemExists
from services.notifier.dead_letter import DeadLetter, State
from services.notifier.errors import DeadLetterNotFound
from services.orders.errors import OutOfStock
from services.orders.order import Line, Order, Status, fingerprint_of, order_id_of
from tests.faults.in_process.mesh import Mesh
from tests.faults.in_process.outside import REFUSED, SLOW, UNCONFIRMED, UNLUCKY
from tests.faults.in_process.times import HOLD_SECONDS, STEP_SECONDS, SWEEP_TIMES

LAMP, VASE = "LAMP", "VASE"
STOCK = {LAMP: 10, VASE: 1}
DELIVERED = {LAMP: 2}
POISON = "this is no event"
DEAD_LETTERS_MAX = 10
A_WHILE = timedelta(days=1)
ROUNDS_MAX = 40
"""So many steps of the clock are more than every lease, hold and interval that a run can meet."""

ENDS = {
    **dict.fromkeys((address.partition("@")[0] for address in (SLOW, REFUSED, UNCONFIRMED, UNLUCKY)), Status.PROCESSED),
    "bob": Status.CANCELLED,
    "eve": Status.FAILED,
    "frank": Status.PROCESSED,
}
"""How the orders of the customers end, whoever dies meanwhile. Carol is refused, and Dora's order never comes."""


def customer(name: str) -> Identity:
    """A customer by name."""
    return Identity("user", name, "customer", f"{name}@example.com", "s-1", datetime(2100, 1, 1, tzinfo=UTC))


@dataclass
class Story:
    """One run: what was done, and the orders that were acknowledged, by id.

    ``abandoned`` is a hold whose order never came; ``dead_letters`` is what was there before anything was redriven.
    """

    mesh: Mesh
    acknowledged: dict[str, Order] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    abandoned: str = order_id_of("dora", "once")

    async def tell(self) -> None:
        """Everything until nothing is left to be done."""
        await self._stock_the_shop()
        await self._sell_lamps()
        await self._lose_the_only_vase()
        await self.mesh.outside.queue.send(POISON)
        await self.mesh.ask_orders(lambda orders: orders.publish())
        self.mesh.start_notifier()
        await self._settle()
        await self._send_the_dead_letter_again()
        await self._settle()
        await self._delete_dead_letters()
        await self._settle()

    async def _settle(self) -> None:
        """Let time pass until every order is settled, no stock is held and no message waits."""
        for _ in range(ROUNDS_MAX):
            await self.mesh.ask_orders(lambda orders: orders.publish())
            await self.mesh.worked()
            await self.mesh.ask_orders(lambda orders: orders.sweep())
            await self.mesh.ask_orders(lambda orders: orders.tell_changes())
            await self.mesh.ask_inventory(lambda inventory: inventory.expire())
            await self.mesh.ask_notifier(lambda notifier: notifier.look_after_dead_letters())
            if await self._is_settled():
                return
            await self.mesh.outside.let_pass(STEP_SECONDS)
        raise AssertionError(f"not settled after {ROUNDS_MAX} rounds")

    async def _stock_the_shop(self) -> None:
        for sku, stock in STOCK.items():
            await self._create_item(sku, stock)
        await self.mesh.ask_inventory(lambda inventory: inventory.rename_item(LAMP, "Reading lamp"))
        for sku, delta in DELIVERED.items():
            await self._add_stock(sku, delta)

    async def _create_item(self, sku: str, stock: int) -> None:
        with suppress(ItemExists):  # it was made, and the answer lost
            await self.mesh.ask_inventory(lambda inventory: inventory.create_item(sku, stock))

    async def _add_stock(self, sku: str, delta: int) -> None:
        await self.mesh.ask_inventory(lambda inventory: inventory.add_stock(sku, delta))

    async def _sell_lamps(self) -> None:
        slow = SLOW.partition("@")[0]
        first, again = [await self._place(slow, Line(LAMP, 2)) for _ in range(2)]
        assert first.order_id == again.order_id
        regretted = await self._place("bob", Line(LAMP, 1))
        await self.mesh.ask_orders(lambda orders: orders.cancel(customer("bob"), regretted.order_id))
        for address in (REFUSED, UNCONFIRMED, UNLUCKY):
            await self._place(address.partition("@")[0], Line(LAMP, 1))

    async def _lose_the_only_vase(self) -> None:
        """Eve's hold expires, although the sweep renews it once, and Frank gets the vase."""
        with suppress(OutOfStock):
            await self._place("carol", Line(VASE, 5))
        await self._place("eve", Line(VASE, 1))
        lamp = (Line(LAMP, 1),)
        await self.mesh.ask_inventory(
            lambda inventory: inventory.reserve(self.abandoned, fingerprint_of(lamp), lamp),
        )
        await self.mesh.outside.let_pass(SWEEP_TIMES.age.total_seconds())
        await self.mesh.ask_orders(lambda orders: orders.sweep())
        await self.mesh.outside.let_pass(HOLD_SECONDS)
        await self.mesh.ask_inventory(lambda inventory: inventory.expire())
        await self._place("frank", Line(VASE, 1))

    async def _send_the_dead_letter_again(self) -> None:
        """SQS refuses it at first. It is poison still, and so it dies once more."""
        outside = self.mesh.outside
        self.dead_letters = list(await outside.letters.list_page(State.DEAD, DEAD_LETTERS_MAX, None))
        dead = [letter.message_id for letter in self.dead_letters]
        outside.queue.full = True
        await self.mesh.ask_notifier(lambda notifier: notifier.redrive(dead))
        await outside.let_pass(STEP_SECONDS)
        await self.mesh.ask_notifier(lambda notifier: notifier.look_after_dead_letters())
        outside.queue.full = False
        await self.mesh.ask_notifier(lambda notifier: notifier.redrive(dead))

    async def _delete_dead_letters(self) -> None:
        for letter in await self.mesh.outside.letters.list_page(State.DEAD, DEAD_LETTERS_MAX, None):
            await self._delete(letter.message_id)

    async def _delete(self, message_id: str) -> None:
        with suppress(DeadLetterNotFound):  # it was deleted, and the answer lost
            await self.mesh.ask_notifier(lambda notifier: notifier.delete(message_id))

    async def _place(self, name: str, line: Line) -> Order:
        placed = await self.mesh.ask_orders(lambda orders: orders.create(customer(name), "once", line))
        self.acknowledged[placed.order.order_id] = placed.order
        return placed.order

    async def _is_settled(self) -> bool:
        """One question for each kind of thing that may be left, the cheapest first."""
        outside = self.mesh.outside
        if len(outside.queue) or len(outside.queue.dead):
            return False
        later = outside.clock.now() + A_WHILE
        return not (
            await outside.orders.overdue(later, 1)
            or await outside.inventory.overdue_holds(later, 1)
            or await outside.letters.abandoned_ids(later, 1)
        )

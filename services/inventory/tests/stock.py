"""Stock for tests of stores, and what is decided about it."""

from datetime import timedelta

from chassis.testing import ManualClock
from services.inventory.decisions import Decision, Outcome, Reserve, Reserved
from services.inventory.item import Adjustment, Item, Money
from services.inventory.reservation import Line, Reservation
from services.inventory.store import InventoryStore

EUR_25 = Money("EUR", 2_500)
HOLD = timedelta(seconds=900)


async def stocked(store: InventoryStore, sku: str, stock: int, price: Money = EUR_25) -> None:
    await store.create_item(Item.new(sku, sku.title(), price, stock), Adjustment(sku, "", stock, "initial", "root"))


async def counts(store: InventoryStore, sku: str) -> tuple[int, int, int]:
    """What is available, reserved and sold; checks on the way that they add up."""
    item = await store.get_item(sku)
    assert item is not None
    assert item.adjusted == item.available + item.reserved + item.sold
    assert min(item.available, item.reserved, item.sold) >= 0
    return item.available, item.reserved, item.sold


async def decide(store: InventoryStore, decision: Decision) -> Outcome:
    (outcome,) = await store.decide([decision])
    return outcome


async def reservation(store: InventoryStore, decision: Decision) -> Reservation:
    outcome = await decide(store, decision)
    assert isinstance(outcome, Reserved), outcome
    return outcome.reservation


def reserve(clock: ManualClock, order_id: str, *lines: tuple[str, int], fingerprint: str = "f") -> Reserve:
    return Reserve(order_id, fingerprint, tuple(Line(sku, n) for sku, n in lines), clock.now() + HOLD)

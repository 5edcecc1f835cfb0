"""What every store of inventory does with items, and with adjustments of their stock."""

import pytest

from chassis.pages import Page
from services.inventory.decisions import Adjust, Adjusted
from services.inventory.errors import IdempotencyKeyReused, ItemExists, ItemNotFound, OutOfStock, StockLimitExceeded
from services.inventory.item import STOCK_MAX, Adjustment, Money
from services.inventory.store import InventoryStore
from services.inventory.tests.stock import EUR_25, counts, decide, stocked


async def test_a_sku_is_taken_once(store: InventoryStore) -> None:
    await stocked(store, "LAMP", 10)

    with pytest.raises(ItemExists):
        await stocked(store, "LAMP", 99)

    assert await counts(store, "LAMP") == (10, 0, 0)


async def test_an_update_changes_what_it_names(store: InventoryStore) -> None:
    await stocked(store, "LAMP", 10)

    renamed = await store.update_item("LAMP", "Lamp, brass", None)
    priced = await store.update_item("LAMP", None, Money("EUR", 3_000))

    assert (renamed.name, renamed.unit_price, renamed.version) == ("Lamp, brass", EUR_25, 2)
    assert (priced.name, priced.unit_price, priced.version) == ("Lamp, brass", Money("EUR", 3_000), 3)
    with pytest.raises(ItemNotFound):
        await store.update_item("SOFA", "Sofa", None)


async def test_items_are_paged_by_sku(store: InventoryStore) -> None:
    for sku in ("C", "A", "B", "D"):
        await stocked(store, sku, 1)

    first = await store.list_items(Page(2, None))
    rest = await store.list_items(Page(2, ("B",)))

    assert [item.sku for item in first] == ["A", "B", "C"]
    assert [item.sku for item in rest] == ["C", "D"]


async def test_an_adjustment_counts_once(store: InventoryStore) -> None:
    await stocked(store, "LAMP", 10)
    adjust = Adjust(Adjustment("LAMP", "key-1", -4, "broken", "root"))

    first, again = await decide(store, adjust), await decide(store, adjust)

    assert isinstance(first, Adjusted)
    assert isinstance(again, Adjusted)
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.item.available, first.item.version) == (6, 2)
    assert await counts(store, "LAMP") == (6, 0, 0)


@pytest.mark.parametrize(
    ("adjustment", "refusal"),
    [
        (Adjustment("LAMP", "key-1", -5, "broken", "root"), IdempotencyKeyReused),
        (Adjustment("LAMP", "key-2", -7, "broken", "root"), OutOfStock),
        (Adjustment("LAMP", "key-2", STOCK_MAX, "more", "root"), StockLimitExceeded),
        (Adjustment("SOFA", "key-1", -4, "broken", "root"), ItemNotFound),
    ],
)
async def test_a_refused_adjustment_changes_nothing(
    store: InventoryStore, adjustment: Adjustment, refusal: type[Exception]
) -> None:
    await stocked(store, "LAMP", 10)
    await decide(store, Adjust(Adjustment("LAMP", "key-1", -4, "broken", "root")))

    assert isinstance(await decide(store, Adjust(adjustment)), refusal)
    assert await counts(store, "LAMP") == (6, 0, 0)


async def test_stock_may_reach_its_limit_exactly(store: InventoryStore) -> None:
    await stocked(store, "LAMP", 1)

    outcome = await decide(store, Adjust(Adjustment("LAMP", "key-1", STOCK_MAX - 1, "more", "root")))

    assert isinstance(outcome, Adjusted)
    assert outcome.item.available == STOCK_MAX

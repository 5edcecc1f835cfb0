"""Adding an item, and changing its name or price."""

import re

from chassis.violations import Violations
from services.inventory.item import (
    CURRENCY_PATTERN,
    INITIAL_STOCK_REQUEST_ID,
    NAME_LENGTH_MAX,
    SKU_PATTERN,
    STOCK_MAX,
    UNIT_PRICE_MINOR_UNITS_MAX,
    Adjustment,
    Item,
    Money,
)
from services.inventory.store import InventoryStore

_SKU = re.compile(SKU_PATTERN)
_CURRENCY = re.compile(CURRENCY_PATTERN)


async def create_item(
    store: InventoryStore, sku: str, name: str, unit_price: Money | None, initial_stock: int, actor: str
) -> Item:
    """Add an item. ``actor`` is the admin who adds it."""
    violations = Violations()
    check_sku(sku, "sku", violations)
    _check_name(name, violations)
    if unit_price is None:
        violations.add("unit_price", "is required")
    else:
        _check_price(unit_price, violations)
    violations.require(0 <= initial_stock <= STOCK_MAX, "initial_stock", f"must be 0 to {STOCK_MAX:,}")
    violations.check()
    assert unit_price is not None
    item = Item.new(sku, name, unit_price, initial_stock)
    await store.create_item(item, Adjustment(sku, INITIAL_STOCK_REQUEST_ID, initial_stock, "initial stock", actor))
    return item


async def update_item(store: InventoryStore, sku: str, name: str | None, unit_price: Money | None) -> Item:
    """Change what is not None."""
    violations = Violations()
    check_sku(sku, "sku", violations)
    if name is not None:
        _check_name(name, violations)
    if unit_price is not None:
        _check_price(unit_price, violations)
    violations.require(name is not None or unit_price is not None, "name", "or unit_price must be given")
    violations.check()
    return await store.update_item(sku, name, unit_price)


def check_sku(sku: str, field: str, violations: Violations) -> None:
    """Note it when ``sku`` does not look like one."""
    violations.require(_SKU.fullmatch(sku) is not None, field, f"must match {SKU_PATTERN}")


def _check_name(name: str, violations: Violations) -> None:
    is_name = bool(name.strip()) and len(name) <= NAME_LENGTH_MAX and name.isprintable()
    violations.require(is_name, "name", f"must be 1 to {NAME_LENGTH_MAX} printable characters")


def _check_price(price: Money, violations: Violations) -> None:
    violations.require(
        _CURRENCY.fullmatch(price.currency_code) is not None,
        "unit_price.currency_code",
        "must be three upper-case letters of ISO 4217",
    )
    violations.require(
        0 <= price.minor_units <= UNIT_PRICE_MINOR_UNITS_MAX,
        "unit_price.minor_units",
        f"must be 0 to {UNIT_PRICE_MINOR_UNITS_MAX:,}",
    )

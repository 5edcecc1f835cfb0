"""Adding to or taking from an item's stock by hand."""

from chassis.idempotency import resolve_key
from chassis.violations import Violations
from services.inventory.create_item import check_sku
from services.inventory.decisions import Adjust, Adjusted
from services.inventory.item import REASON_LENGTH_MAX, STOCK_MAX, Adjustment
from services.inventory.writer import Writer


async def adjust_stock(
    writer: Writer, sku: str, delta: int, reason: str, request_id: str, metadata_key: str, actor: str
) -> Adjusted:
    """Adjust once for each (sku, idempotency key). ``actor`` is the admin who does it."""
    violations = Violations()
    check_sku(sku, "sku", violations)
    violations.require(0 < abs(delta) <= STOCK_MAX, "delta", f"must not be 0, and at most {STOCK_MAX:,} either way")
    violations.require(
        bool(reason.strip()) and len(reason) <= REASON_LENGTH_MAX,
        "reason",
        f"must be 1 to {REASON_LENGTH_MAX} characters",
    )
    key = resolve_key(request_id, metadata_key, violations)
    violations.check()
    return await writer.adjusted(Adjust(Adjustment(sku, key, delta, reason, actor)))

"""What inventory refuses.

::

    NotFound            ITEM_NOT_FOUND, RESERVATION_NOT_FOUND
    AlreadyExists       ITEM_EXISTS
    FailedPrecondition  OUT_OF_STOCK             metadata: each short sku -> what is available of it
                        STOCK_LIMIT_EXCEEDED
                        RESERVATION_COMMITTED
                        IDEMPOTENCY_KEY_REUSED
"""

from collections.abc import Mapping

from chassis.errors import AlreadyExists, FailedPrecondition, NotFound
from services.inventory.item import STOCK_MAX


class ItemNotFound(NotFound):
    """There is no item with this sku."""

    reason = "ITEM_NOT_FOUND"

    def __init__(self, sku: str) -> None:
        super().__init__("there is no such item", {"sku": sku})


class ReservationNotFound(NotFound):
    """Nothing was ever reserved for this order."""

    reason = "RESERVATION_NOT_FOUND"

    def __init__(self, order_id: str) -> None:
        super().__init__("nothing is reserved for this order", {"order_id": order_id})


class ItemExists(AlreadyExists):
    """There is an item with this sku."""

    reason = "ITEM_EXISTS"

    def __init__(self, sku: str) -> None:
        super().__init__("there is an item with this sku already", {"sku": sku})


class OutOfStock(FailedPrecondition):
    """More is wanted than is available. ``available`` tells what is, for each short sku."""

    reason = "OUT_OF_STOCK"

    def __init__(self, available: Mapping[str, int]) -> None:
        skus = ", ".join(f"{sku} ({left} left)" for sku, left in available.items())
        super().__init__(f"not enough in stock: {skus}", {sku: str(left) for sku, left in available.items()})


class StockLimitExceeded(FailedPrecondition):
    """An adjustment would bring an item's stock over the limit."""

    reason = "STOCK_LIMIT_EXCEEDED"

    def __init__(self, sku: str) -> None:
        super().__init__(f"an item's stock is at most {STOCK_MAX:,}", {"sku": sku})


class ReservationCommitted(FailedPrecondition):
    """What is sold cannot be released."""

    reason = "RESERVATION_COMMITTED"

    def __init__(self, order_id: str) -> None:
        super().__init__("the order's stock is sold", {"order_id": order_id})


class IdempotencyKeyReused(FailedPrecondition):
    """The same key came with another content before."""

    reason = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("this idempotency key was used with another content")

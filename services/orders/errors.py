"""What orders refuses.

::

    NotFound            ORDER_NOT_FOUND          also somebody else's order
    PermissionDenied    FOREIGN_USER
    FailedPrecondition  OUT_OF_STOCK             metadata: each short sku -> what is available of it
                        IDEMPOTENCY_KEY_REUSED
                        ORDER_NOT_CANCELLABLE    metadata: status
                        ORDER_NOT_TERMINAL       metadata: status
    Unavailable         INVENTORY_UNAVAILABLE
"""

from chassis.errors import FailedPrecondition, NotFound, PermissionDenied, Unavailable
from services.orders.order import Status


class OrderNotFound(NotFound):
    """There is no such order, or it is somebody else's: the two look the same."""

    reason = "ORDER_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such order")


class ForeignUser(PermissionDenied):
    """A customer asked for somebody else's list of orders."""

    reason = "FOREIGN_USER"

    def __init__(self) -> None:
        super().__init__("only admins may list somebody else's orders")


class OutOfStock(FailedPrecondition):
    """Inventory has not enough. The metadata has what is available of each short sku."""

    reason = "OUT_OF_STOCK"


class IdempotencyKeyReused(FailedPrecondition):
    """The same key came with other lines before."""

    reason = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("this idempotency key was used for an order with other lines")


class OrderNotCancellable(FailedPrecondition):
    """It is too late to cancel."""

    reason = "ORDER_NOT_CANCELLABLE"

    def __init__(self, status: Status) -> None:
        super().__init__(f"the order is {status} and can no longer be cancelled", {"status": status})


class OrderNotTerminal(FailedPrecondition):
    """The order has not ended, so there is nothing to tell yet."""

    reason = "ORDER_NOT_TERMINAL"

    def __init__(self, status: Status) -> None:
        super().__init__(f"the order is {status}, which is not an end", {"status": status})


class InventoryUnavailable(Unavailable):
    """Inventory does not answer, or cannot."""

    reason = "INVENTORY_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("inventory does not answer")

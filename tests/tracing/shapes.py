"""What the trace of an order looks like."""

from tests.tracing.spans import Tree

CREATE = "orders.v1.OrderService/CreateOrder"
PROCESS = "orders.v1.OrderService/ProcessOrder"
CONFIRM = "orders.v1.OrderService/ConfirmNotification"
RESERVE = "inventory.v1.InventoryService/ReserveStock"
COMMIT = "inventory.v1.InventoryService/CommitReservation"
QUEUE = "ordermesh-orders"


def call(caller: str, callee: str, method: str, *caused: Tree) -> Tree:
    """An RPC, as both sides see it."""
    return f"{caller} CLIENT {method}", [(f"{callee} SERVER {method}", list(caused))]


def answered(*caused: Tree) -> Tree:
    """The request of a customer who orders something."""
    return "gateway SERVER POST /api/orders", [call("gateway", "orders", CREATE, *caused)]


def sent(*caused: Tree) -> Tree:
    """A message, and what became of it."""
    return f"orders PRODUCER send {QUEUE}", list(caused)


PROCESSED = call("notifier", "orders", PROCESS, call("orders", "inventory", COMMIT))
PROCESSED_BEFORE = call("notifier", "orders", PROCESS)
MAILED: Tree = ("notifier CLIENT SESv2/SendEmail", [])
CONFIRMED = call("notifier", "orders", CONFIRM)

WORK: Tree = (f"notifier CONSUMER process {QUEUE}", [PROCESSED, MAILED, CONFIRMED])
WORK_AGAIN: Tree = (f"notifier CONSUMER process {QUEUE}", [PROCESSED_BEFORE, CONFIRMED])
"""What a message leads to; and another one about the same order."""

RESERVED = call("orders", "inventory", RESERVE)
ORDER = answered(RESERVED, sent(WORK))


def size(*trees: Tree) -> int:
    """How many spans trees have."""
    return sum(1 + size(*children) for _, children in trees)

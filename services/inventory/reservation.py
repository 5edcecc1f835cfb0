r"""A hold on stock for one order.

::

    (none) --reserve--> HELD --commit--> COMMITTED (final)
                         |  \--release-> RELEASED (final)
                      expire
                         v
                      EXPIRED --reserve--> HELD, if there is stock
                              --commit---> COMMITTED, or RELEASED when the stock is gone
                              --release--> RELEASED

Fingerprint, lines, names and prices never change for an order, in any state.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.inventory.item import Money

LINES_MAX = 100
QUANTITY_MAX = 10_000
ORDER_ID_LENGTH_MAX = 64
FINGERPRINT_PATTERN = r"[0-9a-f]{64}"


class State(StrEnum):
    """What became of a hold."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Line:
    """A sku and how many of it."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ReservedLine:
    """A line with the item's name and price at the time of the first hold."""

    sku: str
    name: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class Reservation:
    """A hold, by order. ``lines`` are sorted by sku."""

    order_id: str
    fingerprint: str
    lines: tuple[ReservedLine, ...]
    state: State
    expire_time: datetime

"""Why deliveries of a message failed: what a dead letter will be explained with."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from chassis.crash_points import Port
from services.notifier.errors import without_addresses

DESCRIPTION_LENGTH_MAX = 500

MESSAGE_LIFE_MAX = timedelta(days=15)
"""Longer than SQS keeps any message (14 days): by then nothing of it can be delivered any more."""

FAILURES_KEPT = MESSAGE_LIFE_MAX
"""After the last failure; a message that was done in the end leaves its failures behind until then."""


@dataclass(frozen=True, slots=True)
class DeliveryFailure:
    """The last failure of a message, and how many there were. ``reason`` is in UPPER_SNAKE."""

    reason: str
    description: str
    attempts: int


class DeliveryFailures(Protocol):
    """The failures of messages, by SQS's id of the message.

    Everything raises :class:`services.notifier.errors.DependencyDown` when the database does not answer, or refuses.
    """

    async def record(self, message_id: str, reason: str, description: str) -> None:
        """Count one more failure and remember why. ``description`` has no address (:func:`describe`)."""
        ...

    async def find(self, message_id: str) -> DeliveryFailure | None:
        """What is known; None when nothing was recorded, or too long ago."""
        ...

    async def forget(self, message_id: str) -> None:
        """Drop what is known: the message is a dead letter now, which has it."""
        ...


DELIVERY_FAILURES_PORT = Port(
    "notifier.delivery_failures",
    DeliveryFailures,
    effects=("record", "forget"),
    reads=("find",),
)


def describe(text: str) -> str:
    """An error's words as they are kept: without addresses and not too many."""
    return without_addresses(text)[:DESCRIPTION_LENGTH_MAX]

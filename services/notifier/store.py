"""What the notifier keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from chassis.crash_points import Port
from services.notifier.notification import Lease, Notification


class Position(NamedTuple):
    """A place in the list of notifications, the newest first."""

    create_time: datetime
    notification_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim: the notification as it is now, and whether it is the claimant's to send."""

    granted: bool
    notification: Notification


class NotificationStore(Protocol):
    """One row for each e-mail.

    Everything raises :class:`services.notifier.errors.DependencyDown` when the database does not answer, or refuses.
    """

    async def claim(self, lease: Lease, now: datetime) -> Claim:
        """Take the notification of ``lease``, new or given up, for one more attempt.

        It is not granted when the notification is final or when another lease lasts.
        """
        ...

    async def release(self, lease: Lease, now: datetime, error: str) -> None:
        """Give the notification up before its lease is over: its mail was not taken, because of ``error``.

        Nothing happens when it is another's or final.
        """
        ...

    async def note_error(self, lease: Lease, error: str) -> None:
        """Keep the lease, and say why nothing is sent yet. Nothing happens when it is another's or final."""
        ...

    async def mark_sent(self, lease: Lease, message_id: str, now: datetime) -> bool:
        """Record that SES accepted the mail; False when the lease is another's by now. Idempotent."""
        ...

    async def mark_failed(self, lease: Lease, reason: str) -> bool:
        """Record that SES refused for good; False when the lease is another's by now. Idempotent."""
        ...

    async def list_page(self, order_id: str, size: int, after: Position | None) -> Sequence[Notification]:
        """Up to ``size`` notifications behind ``after``, the newest first; of one order, or of all ("")."""
        ...

    async def probe(self) -> None:
        """Return when the database takes changes."""
        ...


STORE_PORT = Port(
    "notifier.store",
    NotificationStore,
    effects=("claim", "release", "note_error", "mark_sent", "mark_failed"),
    reads=("list_page", "probe"),
)

"""Notifications in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.notifier.notification import (
    FAILURE_REASON_LENGTH_MAX,
    LAST_ERROR_LENGTH_MAX,
    Lease,
    Notification,
    State,
)
from services.notifier.store import Claim, Position


class MemoryStore:
    """See :class:`services.notifier.store.NotificationStore`."""

    def __init__(self) -> None:
        self._rows: dict[str, Notification] = {}
        self._owners: dict[str, str] = {}

    async def claim(self, lease: Lease, now: datetime) -> Claim:
        """See the port."""
        row = self._rows.get(lease.notification_id)
        if row is None:
            row = Notification(lease.order_id, lease.kind, State.SENDING, 0, now, now)
        elif row.is_final or row.lease_expire_time > now:
            return Claim(granted=False, notification=row)
        claimed = replace(row, attempts=row.attempts + 1, lease_expire_time=lease.expire_time)
        self._rows[lease.notification_id] = claimed
        self._owners[lease.notification_id] = lease.owner
        return Claim(granted=True, notification=claimed)

    async def release(self, lease: Lease, now: datetime, error: str) -> None:
        """See the port."""
        self._change_unsent(
            lease,
            lease_expire_time=now,
            last_error=error[:LAST_ERROR_LENGTH_MAX],
            attempt_not_taken=self._rows[lease.notification_id].attempts,
        )

    async def note_error(self, lease: Lease, error: str) -> None:
        """See the port."""
        self._change_unsent(lease, last_error=error[:LAST_ERROR_LENGTH_MAX])

    async def mark_sent(self, lease: Lease, message_id: str, now: datetime) -> bool:
        """See the port."""
        return self._mark(lease, state=State.SENT, message_id=message_id, send_time=now)

    async def mark_failed(self, lease: Lease, reason: str) -> bool:
        """See the port."""
        return self._mark(lease, state=State.FAILED_PERMANENTLY, failure_reason=reason[:FAILURE_REASON_LENGTH_MAX])

    async def list_page(self, order_id: str, size: int, after: Position | None) -> Sequence[Notification]:
        """See the port."""

        def place(row: Notification) -> Position:
            return Position(row.create_time, row.notification_id)

        rows = sorted(self._rows.values(), key=place, reverse=True)
        return [
            row for row in rows if (not order_id or row.order_id == order_id) and (after is None or place(row) < after)
        ][:size]

    async def probe(self) -> None:
        """See the port."""

    def _change_unsent(self, lease: Lease, **changes: object) -> None:
        if not self._rows[lease.notification_id].is_final:
            self._change(lease, **changes)

    def _mark(self, lease: Lease, **changes: object) -> bool:
        return self._change(lease, last_error="", **changes)

    def _change(self, lease: Lease, **changes: object) -> bool:
        if self._owners[lease.notification_id] != lease.owner:
            return False
        self._rows[lease.notification_id] = replace(self._rows[lease.notification_id], **changes)  # type: ignore[arg-type] # the callers name fields
        return True

"""Dead letters in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.notifier.dead_letter import (
    ATTRIBUTE_SHOWN_LENGTH_MAX,
    BODY_SHOWN_LENGTH_MAX,
    DeadLetter,
    RedriveLease,
    State,
)
from services.notifier.dead_letter_store import LetterPosition


class MemoryDeadLetters:
    """See :class:`services.notifier.dead_letter_store.DeadLetterStore`."""

    def __init__(self) -> None:
        self._rows: dict[str, DeadLetter] = {}
        self._leases: dict[str, RedriveLease] = {}

    async def insert(self, letter: DeadLetter) -> bool:
        """See the port."""
        return self._rows.setdefault(letter.message_id, letter) is letter

    async def claim(self, lease: RedriveLease, now: datetime) -> DeadLetter | None:
        """See the port."""
        state = await self.state_of(lease.message_id)
        abandoned = state is State.REDRIVING and self._leases[lease.message_id].expire_time <= now
        if state is not State.DEAD and not abandoned:
            return None
        self._leases[lease.message_id] = lease
        return self._change(lease.message_id, state=State.REDRIVING)

    async def state_of(self, message_id: str) -> State | None:
        """See the port."""
        row = self._rows.get(message_id)
        return None if row is None or row.state is State.DELETED else row.state

    async def mark_redriven(self, lease: RedriveLease, redrive_message_id: str, now: datetime) -> bool:
        """See the port."""
        if not self._holds(lease):
            return False
        changes = {"state": State.REDRIVEN, "redrive_time": now, "redrive_message_id": redrive_message_id}
        self._change(lease.message_id, **changes)
        return True

    async def release(self, lease: RedriveLease) -> None:
        """See the port."""
        if self._holds(lease) and self._rows[lease.message_id].state is State.REDRIVING:
            self._change(lease.message_id, state=State.DEAD)

    async def delete(self, message_id: str, now: datetime) -> bool:  # noqa: ARG002 - nothing here expires
        """See the port."""
        if await self.state_of(message_id) not in {State.DEAD, State.REDRIVEN}:
            return False
        self._change(message_id, state=State.DELETED, body="", attributes={})
        self._leases.pop(message_id, None)
        return True

    async def list_page(self, state: State | None, size: int, after: LetterPosition | None) -> Sequence[DeadLetter]:
        """See the port."""
        rows = sorted(self._in(*([state] if state else State)), key=_place, reverse=True)
        shown = [row for row in rows if row.state is not State.DELETED and (after is None or _place(row) < after)]
        return [_cut(row) for row in shown[:size]]

    async def dead_ids(self, count_max: int) -> Sequence[str]:
        """See the port."""
        return [row.message_id for row in sorted(self._in(State.DEAD), key=_place)[:count_max]]

    async def abandoned_ids(self, now: datetime, count_max: int) -> Sequence[str]:
        """See the port."""
        redriving = [row.message_id for row in self._in(State.REDRIVING)]
        return [message_id for message_id in redriving if self._leases[message_id].expire_time <= now][:count_max]

    async def count_dead(self, count_max: int) -> int:
        """See the port."""
        return min(len(self._in(State.DEAD)), count_max)

    def _in(self, *states: State) -> list[DeadLetter]:
        return [row for row in self._rows.values() if row.state in states]

    def _holds(self, lease: RedriveLease) -> bool:
        return self._leases.get(lease.message_id) == lease

    def _change(self, message_id: str, **changes: object) -> DeadLetter:
        row = self._rows[message_id] = replace(self._rows[message_id], **changes)  # type: ignore[arg-type] # the callers name fields
        return row


def _place(row: DeadLetter) -> LetterPosition:
    return LetterPosition(row.create_time, row.message_id)


def _cut(row: DeadLetter) -> DeadLetter:
    attributes = {name: value[:ATTRIBUTE_SHOWN_LENGTH_MAX] for name, value in row.attributes.items()}
    return replace(row, body=row.body[:BODY_SHOWN_LENGTH_MAX], attributes=attributes)

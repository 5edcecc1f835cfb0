"""Where dead letters are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from chassis.crash_points import Port
from services.notifier.dead_letter import DeadLetter, RedriveLease, State


class LetterPosition(NamedTuple):
    """A place in the list of dead letters, the newest first."""

    create_time: datetime
    message_id: str


class DeadLetterStore(Protocol):
    """One row for each message that the queue gave up on.

    Everything raises :class:`services.notifier.errors.DependencyDown` when the database does not answer, or refuses.
    """

    async def insert(self, letter: DeadLetter) -> bool:
        """Keep a new one; False, and nothing changes, when the message is known, whatever became of it."""
        ...

    async def claim(self, lease: RedriveLease, now: datetime) -> DeadLetter | None:
        """Take one for sending: it is DEAD, or its lease expired. None when it cannot be taken."""
        ...

    async def state_of(self, message_id: str) -> State | None:
        """What became of it; None for one that is unknown or deleted."""
        ...

    async def mark_redriven(self, lease: RedriveLease, redrive_message_id: str, now: datetime) -> bool:
        """Record that the queue has it as a new message; False when the lease is another's. Idempotent."""
        ...

    async def release(self, lease: RedriveLease) -> None:
        """The queue surely has not taken it: DEAD again. Nothing happens when the lease is another's."""
        ...

    async def delete(self, message_id: str, now: datetime) -> bool:
        """Forget its content and that it was there; False unless it was DEAD or REDRIVEN."""
        ...

    async def list_page(self, state: State | None, size: int, after: LetterPosition | None) -> Sequence[DeadLetter]:
        """Up to ``size`` behind ``after``, the newest first, cut to what is shown; of one state, or of all."""
        ...

    async def dead_ids(self, count_max: int) -> Sequence[str]:
        """The oldest that are DEAD."""
        ...

    async def abandoned_ids(self, now: datetime, count_max: int) -> Sequence[str]:
        """Those that are REDRIVING and whose lease expired: whoever sent them is gone, or had no answer."""
        ...

    async def count_dead(self, count_max: int) -> int:
        """How many are DEAD, counted no further than ``count_max``."""
        ...


DEAD_LETTERS_PORT = Port(
    "notifier.dead_letters",
    DeadLetterStore,
    effects=("insert", "claim", "mark_redriven", "release", "delete"),
    reads=("state_of", "list_page", "dead_ids", "abandoned_ids", "count_dead"),
)

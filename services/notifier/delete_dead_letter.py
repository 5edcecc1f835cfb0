"""Deleting a dead letter that nobody wants redriven."""

from chassis.clock import Clock
from services.notifier.dead_letter_store import DeadLetterStore
from services.notifier.errors import DeadLetterBeingRedriven, DeadLetterNotFound


async def delete_dead_letter(letters: DeadLetterStore, clock: Clock, message_id: str) -> None:
    """Delete it for good.

    :raises DeadLetterNotFound: when there is none, or no longer.
    :raises DeadLetterBeingRedriven: while it is being sent: deleting would not call it back.
    """
    if await letters.delete(message_id, clock.now()):
        return
    if await letters.state_of(message_id) is None:
        raise DeadLetterNotFound(message_id)
    raise DeadLetterBeingRedriven(message_id)

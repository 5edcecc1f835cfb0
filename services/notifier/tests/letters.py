"""Dead letters for tests."""

from typing import Any

from chassis.testing import ManualClock
from services.notifier.dead_letter import DeadLetter, RedriveLease
from services.notifier.dead_letter_store import DeadLetterStore

LEASE_SECONDS = 10.0


def letter(message_id: str, clock: ManualClock, **changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "body": "hello",
        "body_bytes": 5,
        "reason": "MESSAGE_UNREADABLE",
        "description": "the body is no OrderEvent",
        "attempts": 10,
        "create_time": clock.now(),
        "attributes": {"type": "order.created", "x.y": "z"},
    }
    return DeadLetter(message_id, **(fields | changes))


def lease_on(message_id: str, clock: ManualClock) -> RedriveLease:
    return RedriveLease.begin(message_id, clock.now(), LEASE_SECONDS)


async def kept(letters: DeadLetterStore, clock: ManualClock, count: int) -> list[str]:
    """So many dead letters, each a second younger than the one before; their ids, the oldest first."""
    message_ids = [f"m-{number}" for number in range(count)]
    for message_id in message_ids:
        await letters.insert(letter(message_id, clock))
        clock.advance(1)
    return message_ids

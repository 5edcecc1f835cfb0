r"""A dead letter: a message that the queue gave up on, kept until somebody decides what becomes of it.

::

    (none) --insert--> DEAD --claim--> REDRIVING --mark--> REDRIVEN
                        |  \--release--/   \--claim (lease expired)--> REDRIVING
                        |                                     |
                        \---------------delete----------------+--> DELETED (from DEAD and REDRIVEN)

DELETED is remembered for as long as SQS may deliver the message once more, so that it stays deleted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from services.notifier.delivery_failure import MESSAGE_LIFE_MAX

UNKNOWN = "UNKNOWN"
UNKNOWN_DESCRIPTION = "no reason was recorded: perhaps the worker was killed each time"

DEAD_KEPT = timedelta(days=90)
"""How long somebody has to redrive a dead letter. An order never waits for that: it is published again."""

REDRIVEN_KEPT = MESSAGE_LIFE_MAX
DELETED_KEPT = MESSAGE_LIFE_MAX
"""Both outlive what SQS may deliver once more, so that nothing comes back from the dead twice."""

BODY_SHOWN_LENGTH_MAX = 4_096
ATTRIBUTE_SHOWN_LENGTH_MAX = 256
"""A list shows so many characters: a body may have a mebibyte, and a page has up to 500 of them."""


class State(StrEnum):
    """What became of it."""

    DEAD = "DEAD"
    REDRIVING = "REDRIVING"
    REDRIVEN = "REDRIVEN"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message, named by SQS's id for it. ``body_bytes`` is the length of the whole body in UTF-8.

    In a list ``body`` and the values of ``attributes`` are cut to what is shown.
    """

    message_id: str
    body: str
    body_bytes: int
    reason: str
    description: str
    attempts: int
    create_time: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)
    state: State = State.DEAD
    redrive_time: datetime | None = None
    redrive_message_id: str = ""


@dataclass(frozen=True, slots=True)
class RedriveLease:
    """The right of one call to send one dead letter until ``expire_time``."""

    message_id: str
    owner: str
    expire_time: datetime

    @classmethod
    def begin(cls, message_id: str, now: datetime, seconds: float) -> "RedriveLease":
        """A lease for somebody new."""
        return cls(message_id, uuid4().hex, now + timedelta(seconds=seconds))

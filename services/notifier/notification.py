r"""A notification: one e-mail for one order and one kind.

::

    (none) --claim--> SENDING --mark--> SENT
                      |     \--mark---> FAILED_PERMANENTLY
                      \--claim (lease expired)--> SENDING
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

CLOCK_SKEW_SECONDS = 1.0
"""How far the clocks of two replicas may differ: a mail is begun only so long before its lease ends."""

FAILURE_REASON_LENGTH_MAX = 500
LAST_ERROR_LENGTH_MAX = 500


class Kind(StrEnum):
    """What the customer is told."""

    PROCESSED = "processed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class State(StrEnum):
    """Where the e-mail is."""

    SENDING = "SENDING"
    SENT = "SENT"
    FAILED_PERMANENTLY = "FAILED_PERMANENTLY"


@dataclass(frozen=True, slots=True)
class Notification:
    """One e-mail. ``lease_expire_time`` is when another may try; it means nothing once it is final.

    ``last_error`` says why it is not sent yet, without addresses; it is empty once it is final.
    ``attempt_not_taken`` is the number of the last attempt whose mail SES surely did not take; 0 for none.
    """

    order_id: str
    kind: Kind
    state: State
    attempts: int
    create_time: datetime
    lease_expire_time: datetime
    send_time: datetime | None = None
    message_id: str = ""
    failure_reason: str = ""
    last_error: str = ""
    attempt_not_taken: int = 0

    @property
    def may_have_been_sent(self) -> bool:
        """Whether nobody knows how the attempt before this one ended."""
        return self.attempts > 1 and self.attempt_not_taken != self.attempts - 1

    @property
    def notification_id(self) -> str:
        """``<order_id>:<kind>``."""
        return notification_id(self.order_id, self.kind)

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to send."""
        return self.state is not State.SENDING


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one delivery to send one notification until ``expire_time``."""

    order_id: str
    kind: Kind
    owner: str
    expire_time: datetime

    @classmethod
    def begin(cls, order_id: str, kind: Kind, now: datetime, seconds: float) -> "Lease":
        """A lease for somebody new."""
        return cls(order_id, kind, uuid4().hex, now + timedelta(seconds=seconds))

    @property
    def notification_id(self) -> str:
        """What is leased."""
        return notification_id(self.order_id, self.kind)

    def outlives(self, now: datetime, seconds: float) -> bool:
        """Whether it lasts ``seconds`` more, on any replica's clock."""
        return now + timedelta(seconds=seconds + CLOCK_SKEW_SECONDS) <= self.expire_time


def notification_id(order_id: str, kind: Kind) -> str:
    """``<order_id>:<kind>``."""
    return f"{order_id}:{kind}"

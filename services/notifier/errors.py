"""What keeps a message from being done.

::

    Unavailable         DEPENDENCY_UNAVAILABLE   DependencyDown: an outage, nobody can be served
                        DEPENDENCY_FAILED        DependencyFailed: perhaps an outage, perhaps only this message
                        MAIL_UNCONFIRMED         a DependencyFailed: SES may have taken the mail
                        QUEUE_UNAVAILABLE        what was asked may have been done
                        QUEUE_REFUSED            a QueueUnavailable: what was asked is surely not done
                        NOTIFICATION_LEASED      another delivery is at it
    FailedPrecondition  MESSAGE_UNREADABLE       poison (MessageRefused): trying again changes nothing
                        ORDER_REFUSED            poison, too
                        MAIL_REFUSED             SES will never accept it; the customer cannot be told
                        DEAD_LETTER_BEING_REDRIVEN
    NotFound            DEAD_LETTER_NOT_FOUND
"""

import re
from enum import StrEnum

from chassis.errors import FailedPrecondition, NotFound, Unavailable

_ADDRESS = re.compile(r"[^\s<>\"',:;]+@[^\s<>\"',:;]+")


class Dependency(StrEnum):
    """What the worker cannot work without, besides the queue."""

    ORDERS = "orders"
    DATABASE = "the database"
    SES = "SES"


class DependencyDown(Unavailable):
    """A dependency does not serve anybody: an outage, which is no failure of the message."""

    def __init__(self, dependency: Dependency, why: str) -> None:
        super().__init__(f"{dependency}: {why}", {"dependency": dependency})
        self.dependency = dependency


class DependencyFailed(DependencyDown):
    """A dependency answered with a failure that may be its own or only this message's."""

    reason = "DEPENDENCY_FAILED"


class MailUnconfirmed(DependencyFailed):
    """The mail left us and SES's answer did not come: the customer may have it.

    Every other trouble of SES says that it did not take the mail, so that sending again repeats nothing.
    """

    reason = "MAIL_UNCONFIRMED"

    def __init__(self, why: str) -> None:
        super().__init__(Dependency.SES, why)


class QueueUnavailable(Unavailable):
    """SQS does not answer, or not with what it was asked for."""

    reason = "QUEUE_UNAVAILABLE"


class QueueRefused(QueueUnavailable):
    """SQS answered that it does not do what it was asked for."""

    reason = "QUEUE_REFUSED"


class NotificationLeased(Unavailable):
    """Somebody holds the lease of the notification; ask again when it is over."""

    reason = "NOTIFICATION_LEASED"

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__("another delivery of the message is at it")
        self.retry_after_seconds = retry_after_seconds


class MessageRefused(FailedPrecondition):
    """The message can never be done, however often it is tried."""

    reason = "MESSAGE_REFUSED"


class MessageUnreadable(MessageRefused):
    """The message is not an event that this version understands."""

    reason = "MESSAGE_UNREADABLE"


class OrderRefused(MessageRefused):
    """Orders refused for good: the message speaks of no order, or of one that cannot be told about."""

    reason = "ORDER_REFUSED"


class MailRefused(FailedPrecondition):
    """The mail can never be sent, for example because the address is not one."""

    reason = "MAIL_REFUSED"


class DeadLetterNotFound(NotFound):
    """There is no such dead letter, or no longer."""

    reason = "DEAD_LETTER_NOT_FOUND"

    def __init__(self, message_id: str) -> None:
        super().__init__("there is no such dead letter", {"message_id": message_id})


class DeadLetterBeingRedriven(FailedPrecondition):
    """What is being sent to the queue cannot be deleted; in a few seconds it is sent."""

    reason = "DEAD_LETTER_BEING_REDRIVEN"

    def __init__(self, message_id: str) -> None:
        super().__init__("the dead letter is being sent to the queue again", {"message_id": message_id})


def without_addresses(text: str) -> str:
    """A foreign error's words without e-mail addresses, which are neither stored nor logged."""
    return _ADDRESS.sub("<address>", text)

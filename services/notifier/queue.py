"""The queue of events, in the worker's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chassis.crash_points import Port


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a message. ``receipt`` names the delivery, ``message_id`` the message.

    ``receive_count`` says how often it was delivered, this time included.
    """

    message_id: str
    receipt: str
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    receive_count: int = 1


class Queue(Protocol):
    """A queue that delivers at least once: a delivered message is hidden, and comes again unless deleted.

    Everything raises :class:`services.notifier.errors.QueueUnavailable` when the queue does not answer.
    A single delivery that the queue no longer knows is no error: its message comes again.
    """

    async def receive(self, count_max: int) -> Sequence[Message]:
        """Wait a while for messages; up to ``count_max`` (1 or more), or none. They are hidden for a while."""
        ...

    async def extend(self, messages: Sequence[Message]) -> None:
        """Hide these deliveries for a while from now on."""
        ...

    async def give_back(self, message: Message, delay_seconds: float) -> None:
        """Let the message be delivered again, ``delay_seconds`` from now."""
        ...

    async def delete(self, message: Message) -> None:
        """The message is done and never comes again."""
        ...


class DeadLetterQueue(Protocol):
    """The queue that SQS moves messages to when it gives them up. It raises what :class:`Queue` raises."""

    async def take(self, count_max: int) -> Sequence[Message]:
        """Wait a while for messages; up to ``count_max`` (1 or more), or none. They are hidden for a while."""
        ...

    async def remove(self, message: Message) -> None:
        """The message is kept elsewhere and never comes again."""
        ...


class RedriveQueue(Protocol):
    """The queue that dead letters are sent to again."""

    async def send(self, body: str, attributes: Mapping[str, str]) -> str:
        """Put a new message in; returns its id.

        :raises services.notifier.errors.QueueUnavailable: when it may have been taken or not; QueueRefused
            when it surely has not.
        """
        ...


QUEUE_PORT = Port("notifier.queue", Queue, effects=("receive", "extend", "give_back", "delete"))
DEAD_LETTER_QUEUE_PORT = Port("notifier.dead_letter_queue", DeadLetterQueue, effects=("take", "remove"))
REDRIVE_QUEUE_PORT = Port("notifier.redrive_queue", RedriveQueue, effects=("send",))

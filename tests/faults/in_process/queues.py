"""The queue and its dead-letter queue, with SQS's rules, for a clock that is moved by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.notifier.memory_queue import MemoryQueue
from services.notifier.queue import Message

RECEIVES_MAX = 5
"""One delivery more, and SQS gives the message up. No order of the story needs more, with two deaths among them."""


class PatientQueue(MemoryQueue):
    """A queue whose receivers wait until there is something, and not longer."""

    async def receive(self, count_max: int) -> Sequence[Message]:
        """See the port."""
        await self.until(lambda: self.has_visible)
        return await super().receive(count_max)

    async def look_again(self) -> None:
        """Let receivers see what the clock made visible."""
        async with self._changed:
            self._changed.notify_all()

    @property
    def has_visible(self) -> bool:
        """Whether somebody can receive something now."""
        return any(self.hidden_seconds(message_id) == 0 for message_id in self.ids)


class DeadLetterQueue(PatientQueue):
    """Where SQS moves what it gives up, under the id that it had."""

    async def move_here(self, message: Message) -> None:
        """Take over a message."""
        message_id = await self.send(message.body, message.attributes)
        self._kept[message.message_id] = replace(self._kept.pop(message_id), message_id=message.message_id)


@dataclass
class RedrivingQueue(PatientQueue):
    """A queue that moves what was received ``RECEIVES_MAX`` times to ``dead``."""

    def __post_init__(self) -> None:
        self.dead = DeadLetterQueue(self.clock)

    async def receive(self, count_max: int) -> Sequence[Message]:
        """See the port."""
        messages = await super().receive(count_max)
        for message in messages:
            if message.receive_count > RECEIVES_MAX:
                await self.dead.move_here(message)
                await self.delete(message)
        return [message for message in messages if message.receive_count <= RECEIVES_MAX]


class Sqs:
    """The queue as SQS's client shows it to orders."""

    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue

    async def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - SQS's own words
        """Take them all."""
        for entry in Entries:
            attributes = {name: value["StringValue"] for name, value in entry["MessageAttributes"].items()}
            await self._queue.send(entry["MessageBody"], attributes)
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    async def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> dict[str, Any]:  # noqa: N803 - SQS's own words
        """How many messages are there."""
        return {"Attributes": dict.fromkeys(AttributeNames, str(len(self._queue)))}

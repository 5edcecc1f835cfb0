"""A queue in memory, with SQS's rules of visibility."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from chassis.clock import Clock
from services.notifier.errors import QueueRefused, QueueUnavailable
from services.notifier.queue import Message

RECEIVE_WAIT_SECONDS = 0.01
"""Short, so that a receiver soon sees what a clock moved by hand made visible."""


@dataclass(slots=True)
class _Kept:
    message_id: str
    body: str
    attributes: Mapping[str, str]
    visible_time: datetime
    receive_count: int = 0
    receipt: str = ""


@dataclass
class MemoryQueue:
    """See :class:`services.notifier.queue.Queue`, and the two other ports there.

    While ``down`` is set, nothing answers; while ``full`` is, no message is taken.
    """

    clock: Clock
    visibility_seconds: float = 30.0
    down: bool = False
    full: bool = False
    refused_calls: int = 0
    extensions: int = 0
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, count_max: int) -> Sequence[Message]:
        """See the port of dead letters."""
        return await self.receive(count_max)

    async def remove(self, message: Message) -> None:
        """See the port of dead letters."""
        await self.delete(message)

    async def send(self, body: str, attributes: Mapping[str, str] | None = None) -> str:
        """See the port; a message may have no attributes."""
        self._check()
        if self.full:
            raise QueueRefused("the queue is full")
        async with self._changed:
            message_id = f"m-{next(self._numbers)}"
            self._kept[message_id] = _Kept(message_id, body, attributes or {}, self.clock.now())
            self._changed.notify_all()
        return message_id

    async def receive(self, count_max: int) -> Sequence[Message]:
        """See the port."""
        async with self._changed:
            self._changed.notify_all()
            self._check()
            with suppress(TimeoutError):
                async with asyncio.timeout(RECEIVE_WAIT_SECONDS):  # wait_for may lose a cancellation
                    await self._changed.wait_for(self._visible)
            self._check()
            self._changed.notify_all()
            return [self._deliver(kept) for kept in self._visible()[:count_max]]

    async def extend(self, messages: Sequence[Message]) -> None:
        """See the port."""
        self.extensions += 1
        for message in messages:
            await self._hide(message, self.visibility_seconds)

    async def give_back(self, message: Message, delay_seconds: float) -> None:
        """See the port."""
        await self._hide(message, delay_seconds)

    async def delete(self, message: Message) -> None:
        """See the port."""
        self._check()
        async with self._changed:
            if self._knows(message):
                del self._kept[message.message_id]
            self._changed.notify_all()

    def receive_count(self, message_id: str) -> int:
        """How often a message was delivered that is still there."""
        return self._kept[message_id].receive_count

    def hidden_seconds(self, message_id: str) -> float:
        """How long a message that is still there stays hidden; 0 when it is visible."""
        return max(0.0, (self._kept[message_id].visible_time - self.clock.now()).total_seconds())

    @property
    def ids(self) -> list[str]:
        """Of every message that is there."""
        return list(self._kept)

    def __len__(self) -> int:
        """How many messages are there, hidden or not."""
        return len(self._kept)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something about the queue holds."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def until_empty(self) -> None:
        """Wait until every message was deleted."""
        await self.until(lambda: not self._kept)

    async def until_received(self, message_id: str) -> None:
        """Wait until a message was delivered."""
        await self.until(lambda: self.receive_count(message_id) > 0)

    def _visible(self) -> list[_Kept]:
        return [kept for kept in self._kept.values() if kept.visible_time <= self.clock.now()]

    def _deliver(self, kept: _Kept) -> Message:
        kept.receive_count += 1
        kept.receipt = f"{kept.message_id}/{kept.receive_count}"
        kept.visible_time = self.clock.now() + timedelta(seconds=self.visibility_seconds)
        return Message(kept.message_id, kept.receipt, kept.body, kept.attributes, kept.receive_count)

    async def _hide(self, message: Message, seconds: float) -> None:
        self._check()
        async with self._changed:
            if self._knows(message):
                self._kept[message.message_id].visible_time = self.clock.now() + timedelta(seconds=seconds)
            self._changed.notify_all()

    def _knows(self, message: Message) -> bool:
        kept = self._kept.get(message.message_id)
        return kept is not None and kept.receipt == message.receipt

    def _check(self) -> None:
        if self.down:
            self.refused_calls += 1
            raise QueueUnavailable("the queue is down")

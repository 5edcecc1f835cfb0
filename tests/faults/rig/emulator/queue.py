"""A queue of SQS: what waits, what is in flight, and who waits for a message.

Sending, receiving and deleting cost the same however much waits: a deque of what is visible, a heap of what is hidden.
Entries of deleted messages stay in both until they are met. Messages are kept until they are deleted.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count

from tests.faults.rig.emulator.errors import AwsError, invalid_parameter
from tests.faults.rig.emulator.message import Message, State

VISIBILITY_SECONDS_DEFAULT = 30
RECEIPT_NUMBERS = 2
"""A receipt handle is the queue's name, the message's serial and the number of the delivery."""

Pick = Callable[[int], int]
"""Given how many messages wait, which one is next."""


class Queue:
    """Everything happens in one event loop, whose clock it goes by."""

    def __init__(self, name: str, url: str, arn: str) -> None:
        self.name = name
        self.url = url
        self.arn = arn
        self.visibility_seconds: float = VISIBILITY_SECONDS_DEFAULT
        """How long a received message is hidden when the receive does not say."""
        self.dead_letters: Queue | None = None
        self.receive_count_max = 0
        self._loop = asyncio.get_running_loop()
        self._live: dict[int, Message] = {}
        self._serial = 0
        self._counts = [0] * len(State)
        self._waiting: deque[Message] = deque()
        self._hidden: list[tuple[float, int, Message]] = []
        self._hidings = count()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_due = 0.0
        self._pollers: dict[asyncio.Future[None], None] = {}

    @property
    def waiting(self) -> int:
        """How many messages a receive could have."""
        return self._counts[State.WAITING]

    @property
    def in_flight(self) -> int:
        """How many messages are received and not deleted."""
        return self._counts[State.IN_FLIGHT]

    @property
    def delayed(self) -> int:
        """How many messages are not there yet, or will come back."""
        return self._counts[State.DELAYED]

    @property
    def pollers(self) -> int:
        """How many receives wait for a message."""
        return len(self._pollers)

    def messages(self) -> Sequence[Message]:
        """Every message of the queue, wherever it is, in the order they were sent."""
        return list(self._live.values())

    def bodies(self) -> Sequence[str]:
        """The bodies of :meth:`messages`."""
        return [message.body for message in self._live.values()]

    def add(self, message: Message, delay_seconds: float = 0.0) -> None:
        """Take in ``message``, which is in no queue; it shows after ``delay_seconds``."""
        assert message.state is State.GONE
        self._serial += 1
        message.serial = self._serial
        self._live[message.serial] = message
        if delay_seconds > 0:
            self._hide(message, State.DELAYED, delay_seconds)
        else:
            self._show(message)

    def take(self, count_max: int, visibility_seconds: float, pick: Pick) -> Sequence[Message]:
        """Up to ``count_max`` messages, hidden for ``visibility_seconds``.

        What was received ``receive_count_max`` times goes to the dead letters instead.
        """
        taken: list[Message] = []
        while len(taken) < count_max and (message := self._next(pick)):
            if self.dead_letters and message.receive_count >= self.receive_count_max:
                self._remove(message)
                self.dead_letters.add(replace(message, source_arn=self.arn))
                continue
            message.receive_count += 1
            message.first_receive_milliseconds = message.first_receive_milliseconds or int(time.time() * 1000)
            self._move(message, State.IN_FLIGHT)
            taken.append(message)
        for message in taken:
            self._hide(message, State.IN_FLIGHT, visibility_seconds)
        return taken

    def receipt(self, message: Message) -> str:
        """The handle of the message's last delivery."""
        return f"{self.name}:{message.serial}:{message.receive_count}"

    def delete(self, receipt: str) -> Message | None:
        """Delete what ``receipt`` was given for. A receipt that is not the last one deletes nothing.

        :raises AwsError: when this queue never gave such a receipt.
        """
        message = self._received(receipt)
        if message:
            self._remove(message)
        return message

    def change_visibility(self, receipt: str, seconds: float) -> None:
        """Hide a message in flight for ``seconds`` from now; 0 shows it.

        :raises AwsError: when it is not in flight by that receipt.
        """
        message = self._received(receipt)
        if not message:
            reason = "Message does not exist or is not available for visibility timeout change."
            raise invalid_parameter(f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: {reason}")
        if message.state is not State.IN_FLIGHT:
            code = "MessageNotInflight"
            raise AwsError(code, "The specified message isn't in flight.", query_code=f"AWS.SimpleQueueService.{code}")
        self._hide(message, State.IN_FLIGHT, seconds)

    def purge(self) -> None:
        """Delete everything."""
        for message in self.messages():
            self._remove(message)
        self._waiting.clear()
        self._hidden.clear()

    async def wait(self, seconds: float) -> None:
        """Until a message may be there, at most ``seconds``."""
        poller = self._loop.create_future()
        self._pollers[poller] = None
        timer = self._loop.call_later(seconds, _wake, poller)
        try:
            await poller
        except asyncio.CancelledError:
            if poller.done() and not poller.cancelled():
                self._wake_one()  # whoever woke this one meant one that takes the message
            raise
        finally:
            timer.cancel()
            self._pollers.pop(poller, None)

    def close(self) -> None:
        """Stop the clock."""
        if self._alarm:
            self._alarm.cancel()

    def _received(self, receipt: str) -> Message | None:
        """The message, unless it is gone or was received again after ``receipt`` was given."""
        name, *numbers = receipt.split(":")
        if name != self.name or len(numbers) != RECEIPT_NUMBERS or not all(map(str.isdecimal, numbers)):
            words = f'The input receipt handle "{receipt}" is not a valid receipt handle.'
            raise AwsError("ReceiptHandleIsInvalid", words)
        serial, receive_count = map(int, numbers)
        message = self._live.get(serial)
        return message if message and message.receive_count == receive_count else None

    def _next(self, pick: Pick) -> Message | None:
        while self._waiting:
            index = pick(len(self._waiting))
            message = self._waiting[index]
            del self._waiting[index]
            if message.state is State.WAITING:
                return message
        return None

    def _show(self, message: Message) -> None:
        self._move(message, State.WAITING)
        self._waiting.append(message)
        self._wake_one()

    def _hide(self, message: Message, state: State, seconds: float) -> None:
        if seconds <= 0:
            self._show(message)
            return
        self._move(message, state)
        message.hidden_until = self._loop.time() + seconds
        heapq.heappush(self._hidden, (message.hidden_until, next(self._hidings), message))
        self._set_alarm()

    def _remove(self, message: Message) -> None:
        self._move(message, State.GONE)
        del self._live[message.serial]

    def _move(self, message: Message, state: State) -> None:
        self._counts[message.state] -= 1
        self._counts[state] += 1
        message.state = state

    def _set_alarm(self) -> None:
        due = self._hidden[0][0]
        if self._alarm:
            if self._alarm_due <= due:
                return
            self._alarm.cancel()
        # uvloop's handle of a time that has passed does not say when it is, so that is kept here.
        self._alarm, self._alarm_due = self._loop.call_at(due, self._show_due), due

    def _show_due(self) -> None:
        self._alarm = None
        now = self._loop.time()
        while self._hidden:
            due, _, message = self._hidden[0]
            is_stale = message.state not in _HIDDEN or message.hidden_until != due
            if due > now and not is_stale:
                self._set_alarm()
                return
            heapq.heappop(self._hidden)
            if not is_stale:
                self._show(message)

    def _wake_one(self) -> None:
        while self._pollers:
            poller = next(iter(self._pollers))
            del self._pollers[poller]
            if not poller.done():
                poller.set_result(None)
                return


_HIDDEN = frozenset({State.IN_FLIGHT, State.DELAYED})


def _wake(poller: "asyncio.Future[None]") -> None:
    if not poller.done():
        poller.set_result(None)

"""The worker: takes messages from the queue, as many as it has room for, and sees each to its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from chassis.background import Backoff, running, supervise
from services.notifier.delivery_failure import DeliveryFailures, describe
from services.notifier.errors import (
    DependencyDown,
    DependencyFailed,
    MessageRefused,
    NotificationLeased,
    QueueUnavailable,
)
from services.notifier.metrics import IN_FLIGHT, MESSAGES
from services.notifier.outage import Gate
from services.notifier.queue import Message, Queue

_log = logging.getLogger(__name__)

MESSAGES_IN_FLIGHT_MAX = 32

PARKED_SECONDS_MAX = 25.0
"""How long messages wait in hand for an outage to end before they are given back for others to try.

Longer than SQS's longest poll: what is given back must not come in by one that began before the outage.
"""

RETRY_SECONDS_MAX = 900.0
"""The longest delay of a message that failed for reasons of its own."""

CRASHED = "CRASHED"
"""The reason of a failure that nobody expected."""

GIVE_BACK_SECONDS_MAX = 1.0
"""How long a stopping worker tries to give back what it could not finish."""


@dataclass(frozen=True)
class WorkerLimits:
    """Times of a worker, in seconds. ``drain_seconds`` is what messages in flight have when it stops."""

    heartbeat_seconds: float
    drain_seconds: float
    parked_seconds_max: float = PARKED_SECONDS_MAX
    messages_in_flight_max: int = MESSAGES_IN_FLIGHT_MAX


class Worker:
    """Runs ``handle`` for each message and deletes those for which it returns.

    Why it did not return, when that may be the message's own fault, goes to ``failures``: should the message
    become a dead letter, somebody will ask.
    """

    def __init__(
        self,
        queue: Queue,
        handle: Callable[[Message], Awaitable[None]],
        gate: Gate,
        failures: DeliveryFailures,
        limits: WorkerLimits,
    ) -> None:
        self._queue = queue
        self._handle = handle
        self._gate = gate
        self._failures = failures
        self._limits = limits
        self._in_flight: dict[str, Message] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._changing_visibility = asyncio.Lock()

    async def run(self) -> None:
        """Work until cancelled; then finish what is in flight, or give it back, within a bound."""
        heartbeat = asyncio.create_task(supervise("heartbeat", self._keep_hidden))
        async with running(heartbeat):
            try:
                await self._receive_for_ever()
            except asyncio.CancelledError:
                await self._drain()
                raise

    async def _receive_for_ever(self) -> None:
        backoff = Backoff()
        while True:
            await self._room_for_more()
            await self._gate.opened()
            try:
                messages = await self._queue.receive(self._limits.messages_in_flight_max - len(self._in_flight))
            except QueueUnavailable as error:
                _log.warning("nothing is received: %s", error.message)
                await backoff.wait()
                continue
            backoff.reset()
            for message in messages:
                self._begin(message)

    async def _room_for_more(self) -> None:
        while len(self._in_flight) >= self._limits.messages_in_flight_max:
            self._room.clear()
            await self._room.wait()

    def _begin(self, message: Message) -> None:
        self._in_flight[message.receipt] = message
        IN_FLIGHT.set(len(self._in_flight))
        task = asyncio.create_task(self._work(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, message: Message) -> None:
        """See one message to its end, whatever that is. Without an answer the queue delivers it again."""
        fields = {"message_id": message.message_id, "receive_count": message.receive_count}
        try:
            await self._see_through_or_record(message)
        except asyncio.CancelledError:
            await self._give_back(message, 0)
            raise
        except NotificationLeased as leased:
            await self._give_back(message, leased.retry_after_seconds)
        except DependencyFailed as failure:
            fields["reason"] = failure.reason
            _log.warning("message is tried again later: %s", failure.message, extra={"fields": fields})
            await self._give_back(message, min(2.0**message.receive_count, RETRY_SECONDS_MAX))
        except MessageRefused as refusal:
            # Left alone until its visibility runs out, again and again, until SQS moves it aside.
            fields["reason"] = refusal.reason
            _log.error("message is left to the dead-letter queue: %s", refusal.message, extra={"fields": fields})
            MESSAGES.labels("refused").inc()
        except QueueUnavailable as error:
            _log.warning("message is done but not deleted: %s", error.message, extra={"fields": fields})
        except Exception:
            _log.exception("message failed and will come again", extra={"fields": fields})
            MESSAGES.labels("crashed").inc()
        finally:
            self._forget(message)

    async def _see_through_or_record(self, message: Message) -> None:
        try:
            await self._see_through(message)
        except (NotificationLeased, QueueUnavailable):
            raise
        except (DependencyFailed, MessageRefused) as failure:
            await self._record(message, failure.reason, failure.message)
            raise
        except Exception as bug:
            await self._record(message, CRASHED, f"{type(bug).__name__}: {bug}")
            raise

    async def _record(self, message: Message, reason: str, words: str) -> None:
        """Write down why a delivery failed, if that is possible: a failure without a reason is still one."""
        try:
            await self._failures.record(message.message_id, reason, describe(words))
        except Exception as error:
            fields = {"message_id": message.message_id, "reason": reason}
            _log.warning("why a message failed is not recorded: %s", describe(str(error)), extra={"fields": fields})

    async def _see_through(self, message: Message) -> None:
        """Handle a message, through outages that it can wait for, and delete it."""
        handle = partial(self._handle, message)
        while True:
            if not await self._opens_in_time():
                return await self._give_back(message, 0)
            try:
                await handle()
            except DependencyDown as outage:
                if not self._gate.is_open:  # another message watches it
                    if isinstance(outage, DependencyFailed):
                        raise
                    continue
                await self._gate.outlast(outage, handle)
            await self._queue.delete(message)
            MESSAGES.labels("done").inc()
            return None

    async def _opens_in_time(self) -> bool:
        try:
            async with asyncio.timeout(self._limits.parked_seconds_max):
                await self._gate.opened()
        except TimeoutError:
            return False
        return True

    async def _give_back(self, message: Message, delay_seconds: float) -> None:
        MESSAGES.labels("given_back").inc()
        self._forget(message)  # first: a heartbeat must not hide it again
        try:
            async with self._changing_visibility, asyncio.timeout(self._limits.heartbeat_seconds):
                await self._queue.give_back(message, delay_seconds)
        except (QueueUnavailable, TimeoutError) as error:
            _log.warning("message is not given back, it comes by itself: %s", _words_of(error))

    def _forget(self, message: Message) -> None:
        self._in_flight.pop(message.receipt, None)
        IN_FLIGHT.set(len(self._in_flight))
        self._room.set()

    async def _keep_hidden(self) -> None:
        """The heartbeat: what is in flight stays hidden, however long it takes.

        A call that hangs has the time of one beat, and the next one begins at once: two beats are less than the time
        that a message stays hidden.
        """
        is_late = False
        while True:
            if not is_late:
                await asyncio.sleep(self._limits.heartbeat_seconds)
            is_late = False
            try:
                async with self._changing_visibility, asyncio.timeout(self._limits.heartbeat_seconds):
                    await self._queue.extend(list(self._in_flight.values()))
            except (QueueUnavailable, TimeoutError) as error:
                is_late = isinstance(error, TimeoutError)
                _log.warning("messages in flight are not kept hidden: %s", _words_of(error))

    async def _drain(self) -> None:
        self._gate.abandon()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._limits.drain_seconds)
        unfinished = list(self._tasks)
        for task in unfinished:
            task.cancel()
        if unfinished:
            _log.warning("%d messages are given back unfinished", len(unfinished))
            await asyncio.wait(unfinished, timeout=GIVE_BACK_SECONDS_MAX)


def _words_of(error: QueueUnavailable | TimeoutError) -> str:
    return error.message if isinstance(error, QueueUnavailable) else "SQS is silent for the time of a heartbeat"

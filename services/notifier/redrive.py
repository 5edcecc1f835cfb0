"""Sending dead letters to the queue again: claim, send, mark.

The claim says in the database that a dead letter is to be sent, so a crash after it does not forget that:
when the claim's lease is over, any replica's :meth:`Redriver.run` sends it. A crash between sending and
marking sends it twice, which does no harm: a message only names an order.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chassis.background import finish
from chassis.clock import Clock
from services.notifier.dead_letter import DeadLetter, RedriveLease, State
from services.notifier.dead_letter_store import DeadLetterStore
from services.notifier.errors import DependencyDown, QueueRefused, QueueUnavailable
from services.notifier.metrics import DEAD_LETTERS, DEAD_LETTERS_REDRIVEN
from services.notifier.queue import RedriveQueue

_log = logging.getLogger(__name__)

REDRIVE_COUNT_MAX = 100
"""How many one call sends: it ends well within a call's deadline."""

SENDING_AT_ONCE_MAX = 10

LEASE_SECONDS = 10.0
SEND_SECONDS_MAX = 5.0
"""Less than the lease, so that it is seldom over before the mark."""

POLL_SECONDS = 5.0
DEAD_COUNT_MAX = 100_000
"""The metric goes no further: who has so many dead letters knows."""


class NotSent(StrEnum):
    """Why a dead letter was not sent."""

    NOT_FOUND = "there is no such dead letter"
    ALREADY_REDRIVEN = "it was sent before"
    BEING_REDRIVEN = "another call is sending it"
    QUEUE_REFUSED = "SQS does not take it"
    QUEUE_UNAVAILABLE = "SQS does not answer; it is sent when SQS does"


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of a call: how many it sent, why it did not send others, and whether more are DEAD."""

    sent_count: int
    failures: dict[str, NotSent]
    has_more: bool = False


class Redriver:
    """Sends dead letters to ``queue``, the queue that they were in at first."""

    def __init__(self, letters: DeadLetterStore, queue: RedriveQueue, clock: Clock) -> None:
        self._letters = letters
        self._queue = queue
        self._clock = clock

    async def redrive(self, message_ids: Sequence[str]) -> Redriven:
        """Send those that are named, each on its own.

        :raises DependencyDown: when the database does not answer; what was claimed by then is sent later.
        """
        at_once = asyncio.Semaphore(SENDING_AT_ONCE_MAX)

        async def one(message_id: str) -> NotSent | None:
            async with at_once:
                return await self._redrive_one(message_id)

        outcomes = await asyncio.gather(*map(one, message_ids), return_exceptions=True)
        failures: dict[str, NotSent] = {}
        for message_id, outcome in zip(message_ids, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome is not None:
                failures[message_id] = outcome
        return Redriven(len(message_ids) - len(failures), failures)

    async def redrive_oldest(self) -> Redriven:
        """Send the oldest ``REDRIVE_COUNT_MAX`` that are DEAD; see :meth:`redrive`."""
        found = await self._letters.dead_ids(REDRIVE_COUNT_MAX + 1)
        redriven = await self.redrive(found[:REDRIVE_COUNT_MAX])
        return Redriven(redriven.sent_count, redriven.failures, has_more=len(found) > REDRIVE_COUNT_MAX)

    async def run(self) -> None:
        """Send what was claimed and not marked, and count what is DEAD, for ever; to be run as a loop."""
        while True:
            try:
                await self.finish_abandoned()
                DEAD_LETTERS.set(await self._letters.count_dead(DEAD_COUNT_MAX))
            except DependencyDown as error:
                _log.warning("dead letters are not looked after: %s", error.message)
            await asyncio.sleep(POLL_SECONDS)

    async def finish_abandoned(self) -> None:
        """Send what was claimed by somebody who did not come to mark it."""
        abandoned = await self._letters.abandoned_ids(self._clock.now(), REDRIVE_COUNT_MAX)
        if abandoned:
            redriven = await self.redrive(abandoned)
            _log.warning("%d of %d abandoned dead letters are sent", redriven.sent_count, len(abandoned))

    async def _redrive_one(self, message_id: str) -> NotSent | None:
        now = self._clock.now()
        lease = RedriveLease.begin(message_id, now, LEASE_SECONDS)
        letter = await self._letters.claim(lease, now)
        if letter is None:
            return await self._why_not(message_id)
        return await finish(self._send(letter, lease))  # to its end, or it would be sent twice for no reason

    async def _why_not(self, message_id: str) -> NotSent:
        state = await self._letters.state_of(message_id)
        if state is None:
            return NotSent.NOT_FOUND
        return NotSent.ALREADY_REDRIVEN if state is State.REDRIVEN else NotSent.BEING_REDRIVEN

    async def _send(self, letter: DeadLetter, lease: RedriveLease) -> NotSent | None:
        fields = {"message_id": letter.message_id}
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                redrive_message_id = await self._queue.send(letter.body, letter.attributes)
        except QueueRefused as error:
            _log.warning("a dead letter stays: %s", error.message, extra={"fields": fields})
            await self._letters.release(lease)
            return NotSent.QUEUE_REFUSED
        except (QueueUnavailable, TimeoutError) as error:
            # It may have arrived. The lease stays: when it is over, the dead letter is sent again.
            _log.warning("a dead letter is sent later: %s", error, extra={"fields": fields})
            return NotSent.QUEUE_UNAVAILABLE
        fields["redrive_message_id"] = redrive_message_id
        DEAD_LETTERS_REDRIVEN.inc()
        if await self._letters.mark_redriven(lease, redrive_message_id, self._clock.now()):
            _log.info("a dead letter is in the queue again", extra={"fields": fields})
        else:
            _log.warning("the lease was lost while a dead letter was sent: it is sent twice", extra={"fields": fields})
        return None

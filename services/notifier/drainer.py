"""The drainer: moves what lands in the dead-letter queue to where it can be listed, sent again and deleted.

A queue can do none of these: it cannot be read twice, and a message in it cannot be named.
"""

import asyncio
import logging

from chassis.background import Backoff
from chassis.clock import Clock
from services.notifier.dead_letter import UNKNOWN, UNKNOWN_DESCRIPTION, DeadLetter
from services.notifier.dead_letter_store import DeadLetterStore
from services.notifier.delivery_failure import DeliveryFailure, DeliveryFailures
from services.notifier.errors import DependencyDown, QueueUnavailable
from services.notifier.metrics import DEAD_LETTERS_KEPT
from services.notifier.queue import DeadLetterQueue, Message

_log = logging.getLogger(__name__)

MESSAGES_AT_ONCE_MAX = 10

NOT_RECORDED = DeliveryFailure(UNKNOWN, UNKNOWN_DESCRIPTION, 0)


class Drainer:
    """Keeps each message of the dead-letter queue and then deletes it there.

    Every replica may run one: a message that two of them got, or one of them twice, is kept once.
    """

    def __init__(
        self, queue: DeadLetterQueue, letters: DeadLetterStore, failures: DeliveryFailures, clock: Clock
    ) -> None:
        self._queue = queue
        self._letters = letters
        self._failures = failures
        self._clock = clock

    async def run(self) -> None:
        """Drain for ever; to be run as a loop."""
        backoff = Backoff()
        while True:
            try:
                await self._drain_some()
            except (QueueUnavailable, DependencyDown) as error:
                _log.warning("dead letters wait in their queue: %s", error.message)
                await backoff.wait()
            else:
                backoff.reset()

    async def _drain_some(self) -> None:
        messages = await self._queue.take(MESSAGES_AT_ONCE_MAX)
        outcomes = await asyncio.gather(*map(self._keep, messages), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _keep(self, message: Message) -> None:
        """In this order a crash at any point leaves the message where it is, and the next try does the rest."""
        failure = await self._failures.find(message.message_id) or NOT_RECORDED
        if await self._letters.insert(self._letter(message, failure)):
            DEAD_LETTERS_KEPT.labels(failure.reason).inc()
            fields = {"message_id": message.message_id, "reason": failure.reason, "attempts": failure.attempts}
            _log.error("a message is a dead letter: %s", failure.description, extra={"fields": fields})
        await self._failures.forget(message.message_id)
        await self._queue.remove(message)

    def _letter(self, message: Message, failure: DeliveryFailure) -> DeadLetter:
        body = _unicode(message.body)
        return DeadLetter(
            message_id=message.message_id,
            body=body,
            body_bytes=len(body.encode()),
            reason=failure.reason,
            description=failure.description,
            attempts=failure.attempts,
            create_time=self._clock.now(),
            attributes={name: _unicode(value) for name, value in message.attributes.items()},
        )


def _unicode(text: str) -> str:
    """JSON can spell half of a surrogate pair, which no database keeps: what cannot be kept would never leave."""
    return text.encode(errors="replace").decode()

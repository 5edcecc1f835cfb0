"""The queue and its dead-letter queue, as SQS counts them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from chassis.aws import AwsConfig, open_aws_client
from chassis.config import Environment

ATTEMPTS_MAX = 3
ANSWER_SECONDS = 5.0

WAITING = "ApproximateNumberOfMessages"
IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
DELAYED = "ApproximateNumberOfMessagesDelayed"


@dataclass(frozen=True)
class QueueDepths:
    """How many messages wait, are in flight, and are in the dead-letter queue."""

    waiting: int
    in_flight: int
    dead_letters: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way."""
        return self.waiting == self.in_flight == 0


@dataclass(frozen=True)
class Queues:
    """The queue of order events, and its dead-letter queue if that is known."""

    sqs: Any
    queue_url: str
    dead_letter_queue_url: str | None

    async def depths(self) -> QueueDepths:
        """What SQS says at this moment.

        :raises ClientError, BotoCoreError: when it does not.
        """
        waiting, in_flight = await self._counts(self.queue_url)
        dead = await self._counts(self.dead_letter_queue_url) if self.dead_letter_queue_url else (0, 0)
        return QueueDepths(waiting, in_flight, sum(dead))

    async def _counts(self, queue_url: str) -> tuple[int, int]:
        names = [WAITING, IN_FLIGHT, DELAYED]
        answer = await self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        counts = {name: int(answer["Attributes"].get(name, 0)) for name in names}
        return counts[WAITING] + counts[DELAYED], counts[IN_FLIGHT]


@asynccontextmanager
async def open_queues(values: Mapping[str, str]) -> AsyncIterator[Queues]:
    """The queues that the ``AWS_*`` keys in ``values`` name, as in a stack's ``env`` file.

    :raises ConfigError: when a key is missing.
    """
    env = Environment(values)
    config, queue_url = AwsConfig.read(env), env.text("AWS_SQS_QUEUE_URL")
    dead_letter_queue_url = env.optional("AWS_SQS_DLQ_URL")
    env.check()
    async with open_aws_client(config, "sqs", attempts_max=ATTEMPTS_MAX, read_timeout_seconds=ANSWER_SECONDS) as sqs:
        yield Queues(sqs, queue_url, dead_letter_queue_url)

"""The queues as SQS has them."""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from services.notifier.batches import Batches
from services.notifier.errors import QueueRefused, QueueUnavailable
from services.notifier.metrics import QUEUE_LAG
from services.notifier.queue import Message

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_sqs.type_defs import BatchResultErrorEntryTypeDef, MessageTypeDef

_log = logging.getLogger(__name__)

BATCH_SIZE_MAX = 10
"""SQS's limit for one call."""

RECEIVE_WAIT_SECONDS = 20
"""How long a call waits for a first message: SQS's most, so that an empty queue costs the fewest calls."""

VISIBILITY_SECONDS_MAX = 12 * 60 * 60


class SqsQueue:
    """See :class:`services.notifier.queue.Queue`."""

    def __init__(self, client: "SQSClient", queue_url: str, visibility_seconds: int) -> None:
        self._client = client
        self._queue_url = queue_url
        self._visibility_seconds = visibility_seconds
        self._deletions = Batches(partial(_delete_batch, client, queue_url), BATCH_SIZE_MAX)

    async def receive(self, count_max: int) -> Sequence[Message]:
        """See the port."""
        found = await _receive(self._client, self._queue_url, count_max, self._visibility_seconds)
        _observe_lag(found)
        return [_message(message) for message in found]

    async def extend(self, messages: Sequence[Message]) -> None:
        """See the port."""
        for start in range(0, len(messages), BATCH_SIZE_MAX):
            await self._hide(messages[start : start + BATCH_SIZE_MAX], self._visibility_seconds)

    async def give_back(self, message: Message, delay_seconds: float) -> None:
        """See the port."""
        await self._hide([message], min(math.ceil(delay_seconds), VISIBILITY_SECONDS_MAX))

    async def delete(self, message: Message) -> None:
        """See the port. Deletions that wait for one another go together."""
        await self._deletions.add(message)

    async def _hide(self, messages: Sequence[Message], seconds: int) -> None:
        with _answering():
            answer = await self._client.change_message_visibility_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
                    for number, message in enumerate(messages)
                ],
            )
        _report("visibility is not changed", messages, answer.get("Failed", []))


class SqsDeadLetterQueue:
    """See :class:`services.notifier.queue.DeadLetterQueue`."""

    def __init__(self, client: "SQSClient", queue_url: str, visibility_seconds: int) -> None:
        self._client = client
        self._queue_url = queue_url
        self._visibility_seconds = visibility_seconds
        self._deletions = Batches(partial(_delete_batch, client, queue_url), BATCH_SIZE_MAX)

    async def take(self, count_max: int) -> Sequence[Message]:
        """See the port."""
        found = await _receive(self._client, self._queue_url, count_max, self._visibility_seconds)
        return [_message(message) for message in found]

    async def remove(self, message: Message) -> None:
        """See the port."""
        await self._deletions.add(message)


class SqsRedriveQueue:
    """See :class:`services.notifier.queue.RedriveQueue`."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    async def send(self, body: str, attributes: Mapping[str, str]) -> str:
        """See the port."""
        with _answering():
            answer = await self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
        return answer["MessageId"]


async def _receive(
    client: "SQSClient", queue_url: str, count_max: int, visibility_seconds: int
) -> "Sequence[MessageTypeDef]":
    with _answering():
        answer = await client.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=min(count_max, BATCH_SIZE_MAX),
            WaitTimeSeconds=RECEIVE_WAIT_SECONDS,
            VisibilityTimeout=visibility_seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
    return answer.get("Messages", [])


async def _delete_batch(client: "SQSClient", queue_url: str, messages: Sequence[Message]) -> None:
    with _answering():
        answer = await client.delete_message_batch(
            QueueUrl=queue_url,
            Entries=[{"Id": str(number), "ReceiptHandle": message.receipt} for number, message in enumerate(messages)],
        )
    _report("message is not deleted and will come again", messages, answer.get("Failed", []))


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        refused = error.response["ResponseMetadata"]["HTTPStatusCode"] < HTTPStatus.INTERNAL_SERVER_ERROR
        failure = QueueRefused if refused else QueueUnavailable
        raise failure(f"SQS answers {error.response['Error']['Code']}") from error
    except (BotoCoreError, TimeoutError, OSError) as error:
        raise QueueUnavailable(f"SQS does not answer ({type(error).__name__})") from error


def _report(what: str, messages: Sequence[Message], failed: "Iterable[BatchResultErrorEntryTypeDef]") -> None:
    """A batch succeeds although entries in it failed: each says so itself."""
    for entry in failed:
        message = messages[int(entry["Id"])]
        _log.warning("%s: %s", what, entry["Code"], extra={"fields": {"message_id": message.message_id}})


def _observe_lag(messages: "Iterable[MessageTypeDef]") -> None:
    """How long messages waited that come for the first time; one that comes again was late for another reason."""
    now = time()
    for message in messages:
        said = message.get("Attributes", {})
        if said.get("ApproximateReceiveCount") == "1" and "SentTimestamp" in said:
            QUEUE_LAG.observe(max(0.0, now - int(said["SentTimestamp"]) / 1000))


def _message(message: "MessageTypeDef") -> Message:
    attributes = message.get("MessageAttributes", {})
    return Message(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        attributes={name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value},
        receive_count=int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1")),
    )

"""An SQS and an SES, moto's or the rig's, and queues of a test's own."""

import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from deploy.local.moto_server import LocalAws

LONG = 20
"""A long poll in seconds: what ends sooner ended for a reason."""

NOT_LIKE_AWS = {
    "a stale receipt": "moto deletes the message; AWS answers success and keeps it",
    "visibility by a stale receipt": "moto changes it; AWS has it in Failed as InvalidParameterValue",
    "visibility of a visible message": "moto changes it; AWS has MessageNotInflight",
    "two ids alike": "moto looks at the receipts of a batch that deletes, not at its ids; AWS at the ids",
    "many deletions": "moto takes more than ten in a batch that deletes; AWS refuses",
    "an older name": "moto leaves AWS.SimpleQueueService. out of some codes",
    "control characters": "moto takes them in a body; AWS refuses them",
    "an identity": "moto verifies it, but says VerifiedForSendingStatus false, and makes it again and again",
    "where a dead letter comes from": "moto has no DeadLetterQueueSourceArn",
}


@dataclass
class Cloud:
    """Clients of one of the two, and queues of a test's own."""

    local: LocalAws
    sqs: Any
    ses: Any
    is_like_aws: bool
    """Not where :data:`NOT_LIKE_AWS` says so."""

    async def queue(self, **attributes: str) -> str:
        url: str = (await self.sqs.create_queue(QueueName=f"test-{uuid4().hex}", Attributes=attributes))["QueueUrl"]
        return url

    async def send(self, url: str, *bodies: str) -> list[str]:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = await self.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        return [sent["MessageId"] for sent in answer["Successful"]]

    async def receive(self, url: str, count_max: int = 10, **options: Any) -> list[dict[str, Any]]:
        answer = await self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count_max, **options)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    async def counts(self, url: str) -> tuple[int, int]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        waiting, in_flight = (int(answer["Attributes"][name]) for name in names)
        return waiting, in_flight

    async def attribute(self, url: str, name: str) -> str:
        answer = await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        value: str = answer["Attributes"][name]
        return value

    async def pair(self, receive_count_max: int) -> tuple[str, str]:
        """A queue and its dead-letter queue."""
        dead_letters = await self.queue()
        arn = await self.attribute(dead_letters, "QueueArn")
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receive_count_max})
        return await self.queue(RedrivePolicy=policy), dead_letters


async def refusal(call: Awaitable[object]) -> str:
    """The last part of the code that ``call`` is refused with: older names have a prefix."""
    with pytest.raises(ClientError) as caught:
        await call
    return caught.value.response["Error"]["Code"].rpartition(".")[2]


def bodies(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [message["Body"] for message in messages]

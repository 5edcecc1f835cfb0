"""What must be provisioned in an SQS and an SES that begin empty. Doing it again changes nothing."""

import json
from typing import Any

RECEIVE_COUNT_MAX = 10
VISIBILITY_SECONDS = 30
RETENTION_SECONDS = 14 * 24 * 3600
"""SQS's maximum: an order waits as long as it can."""

ANSWER_SECONDS = 5.0


async def create_queues(sqs: Any, queue_name: str, dead_letter_queue_name: str) -> tuple[str, str]:
    """Create a queue and, behind it, its dead-letter queue; returns their URLs."""
    retention = {"MessageRetentionPeriod": str(RETENTION_SECONDS)}
    dead_letters = (await sqs.create_queue(QueueName=dead_letter_queue_name, Attributes=retention))["QueueUrl"]
    wanted = await sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])
    redrive = {"deadLetterTargetArn": wanted["Attributes"]["QueueArn"], "maxReceiveCount": RECEIVE_COUNT_MAX}
    attributes = retention | {"VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": json.dumps(redrive)}
    queue = (await sqs.create_queue(QueueName=queue_name, Attributes=attributes))["QueueUrl"]
    return queue, dead_letters


async def create_sender(ses: Any, email: str) -> None:
    """Create the identity that mails are from."""
    try:
        await ses.create_email_identity(EmailIdentity=email)
    except ses.exceptions.AlreadyExistsException:
        return

"""What the services' own adapters ask AWS for, as they ask moto."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import xform_name

from chassis.aws import open_aws_client
from deploy.local.moto_server import LocalAws
from services.notifier.errors import DependencyDown
from services.notifier.mail import Mail
from services.notifier.ses_mailer import SesMailer
from services.notifier.sqs_queue import SqsDeadLetterQueue, SqsRedriveQueue
from services.notifier.sqs_queue import SqsQueue as NotifierQueue
from services.orders.order import Event, EventType
from services.orders.sqs_queue import SqsQueue as OrdersQueue
from tests.aws.places import DEAD_LETTERS, QUEUE, SENDER, SENDING, SERVICES, SES, Need

RIGHT_TO = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
"""IAM has no rights of their own for batches."""

READ_SECONDS = 10.0


@dataclass
class Recorder:
    """What the adapters of one service ask AWS for."""

    operations: set[str] = field(default_factory=set)
    needs: set[Need] = field(default_factory=set)
    senders: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def client(self, aws: LocalAws, service: Any) -> AsyncIterator[Any]:
        async with a_client(aws, service) as client:
            client.meta.events.register("provide-client-params", self._record)
            yield client

    def _record(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.operations.add(xform_name(model.name))
        action = f"{model.service_model.signing_name}:{RIGHT_TO.get(model.name, model.name)}"
        if "QueueUrl" in params:
            self.needs.add((action, DEAD_LETTERS if params["QueueUrl"].endswith("-dead-letters") else QUEUE))
        elif "EmailIdentity" in params:
            self.needs.add((action, f"{SES}:identity/{params['EmailIdentity']}"))
        else:
            self.senders.add(params["FromEmailAddress"])
            self.needs.update((action, resource) for resource in SENDING)


def a_client(aws: LocalAws, service: Any) -> Any:
    return open_aws_client(aws.config, service, attempts_max=1, read_timeout_seconds=READ_SECONDS)


async def record_everything(aws: LocalAws) -> dict[str, Recorder]:
    """Each adapter does everything that it can."""
    recorders = {service: Recorder() for service in SERVICES}
    async with (
        recorders["orders"].client(aws, "sqs") as publishing,
        recorders["notifier"].client(aws, "sqs") as sqs,
        recorders["notifier"].client(aws, "sesv2") as ses,
        a_client(aws, "sqs") as ours,
        a_client(aws, "sesv2") as our_ses,
    ):
        queue = (await ours.create_queue(QueueName="policies"))["QueueUrl"]
        dead_letters = (await ours.create_queue(QueueName="policies-dead-letters"))["QueueUrl"]
        await _publish(OrdersQueue(publishing, queue))
        await _work(NotifierQueue(sqs, queue, 5))
        await ours.send_message(QueueUrl=dead_letters, MessageBody="{}")
        await _drain(SqsDeadLetterQueue(sqs, dead_letters, 5))
        await SqsRedriveQueue(sqs, queue).send("{}", {})
        mailer = SesMailer(ses, SENDER, READ_SECONDS)
        with pytest.raises(DependencyDown):
            await mailer.probe()  # nothing is verified: it asks about each identity
        await our_ses.create_email_identity(EmailIdentity=SENDER)
        await mailer.send("ada@example.com", Mail("subject", "<p>text</p>", "text"))
    return recorders


async def _publish(queue: OrdersQueue) -> None:
    await queue.publish([Event("o-1:1", EventType.CREATED, "o-1", 1, datetime.now(UTC), "")])
    await queue.depth()


async def _work(queue: NotifierQueue) -> None:
    [message] = await queue.receive(1)
    await queue.extend([message])
    await queue.give_back(message, 0)
    [message] = await queue.receive(1)
    await queue.delete(message)


async def _drain(queue: SqsDeadLetterQueue) -> None:
    [message] = await queue.take(1)
    await queue.remove(message)

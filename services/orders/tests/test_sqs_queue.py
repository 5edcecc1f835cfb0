"""The queue in a real SQS server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.json_format import Parse

from chassis.aws import open_aws_client
from deploy.local.moto_server import LocalAws
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.order import Event, EventType
from services.orders.relay import QueueUnavailable
from services.orders.sqs_queue import SqsQueue

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
async def sqs(aws: LocalAws) -> AsyncIterator[Any]:
    async with open_aws_client(aws.config, "sqs", attempts_max=1, read_timeout_seconds=5) as client:
        yield client


@pytest.fixture
async def queue_url(sqs: Any) -> str:
    """A queue of the test's own."""
    url: str = (await sqs.create_queue(QueueName=f"test-{uuid4().hex}"))["QueueUrl"]
    return url


async def test_events_arrive_as_the_contract_says(sqs: Any, queue_url: str) -> None:
    queue = SqsQueue(sqs, queue_url)
    events = [
        Event("o-1:1", EventType.CREATED, "o-1", 1, NOON, "00-trace"),
        Event("o-2:2", EventType.CANCELLED, "o-2", 2, NOON, ""),
    ]

    published = await queue.publish(events)

    answer = await sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=1
    )
    bodies = {body.event_id: body for m in answer["Messages"] if (body := Parse(m["Body"], pb.OrderEvent()))}
    attributes = [
        {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        for message in answer["Messages"]
    ]
    assert published == {"o-1:1", "o-2:2"}
    assert bodies["o-1:1"].type == pb.OrderEvent.CREATED
    assert (bodies["o-2:2"].type, bodies["o-2:2"].order_id, bodies["o-2:2"].version) == (
        pb.OrderEvent.CANCELLED,
        "o-2",
        2,
    )
    assert bodies["o-1:1"].time.ToDatetime(UTC) == NOON
    assert {"type": "order.created", "schema_version": "1", "traceparent": "00-trace"} in attributes
    assert {"type": "order.cancelled", "schema_version": "1"} in attributes


async def test_only_what_sqs_says_it_took_is_published() -> None:
    """SQS answers 200 and names the entries that failed; no server at hand can be made to do so."""

    class HalfTaking:
        async def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto's names
            failed = {"Id": Entries[1]["Id"], "SenderFault": False, "Code": "InternalError"}
            return {"Successful": [{"Id": Entries[n]["Id"]} for n in (0, 2)], "Failed": [failed]}

    class Refusing:
        async def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto's names
            return {"Failed": [{"Id": entry["Id"], "SenderFault": True, "Code": "Invalid"} for entry in Entries]}

    events = [Event(f"o-{n}:1", EventType.CREATED, f"o-{n}", 1, NOON, "") for n in range(3)]

    half = await SqsQueue(HalfTaking(), "queue").publish(events)
    none = await SqsQueue(Refusing(), "queue").publish(events)

    assert half == {"o-0:1", "o-2:1"}
    assert none == set()


async def test_the_depth_of_a_queue_is_known(sqs: Any, queue_url: str) -> None:
    queue = SqsQueue(sqs, queue_url)
    await queue.publish([Event(f"o-{n}:1", EventType.CREATED, f"o-{n}", 1, NOON, "") for n in range(10)])

    assert await queue.depth() == 10


async def test_a_queue_that_is_not_there_is_unavailable(sqs: Any, queue_url: str) -> None:
    queue = SqsQueue(sqs, f"{queue_url}-gone")

    with pytest.raises(QueueUnavailable):
        await queue.publish([Event("o-1:1", EventType.CREATED, "o-1", 1, NOON, "")])
    with pytest.raises(QueueUnavailable):
        await queue.depth()

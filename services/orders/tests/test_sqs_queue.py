"""The queue in a real SQS server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from chassis.aws import open_aws_client
from chassis.exported_spans import ExportingTracer
from chassis.tests.counted import value
from chassis.tracing import TracingConfig
from deploy.local.moto_server import LocalAws
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.order import Event, EventType
from services.orders.relay import QueueUnavailable
from services.orders.sqs_queue import NOT_TAKEN, SqsQueue

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(number: int, traceparent: str) -> Event:
    return Event(f"o-{number}:1", EventType.CREATED, f"o-{number}", 1, NOON, traceparent)


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


class Ended(SpanProcessor):
    """Keeps the spans that ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


async def test_a_message_names_the_span_that_sent_it_and_an_event_without_a_trace_has_none(
    sqs: Any, queue_url: str
) -> None:
    ended = Ended()
    queue = SqsQueue(sqs, queue_url, ExportingTracer(TracingConfig("orders"), ended))

    await queue.publish([event(1, TRACEPARENT), event(2, ""), event(3, "00-none")])

    answer = await sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=1
    )
    (span,) = ended.spans
    sent = {Parse(m["Body"], pb.OrderEvent()).order_id: m for m in answer["Messages"]}
    traced = sent["o-1"]
    context = span.get_span_context()
    assert context is not None
    assert span.parent is not None
    assert f"00-{context.trace_id:032x}-{span.parent.span_id:016x}-01" == TRACEPARENT
    assert traced["MessageAttributes"]["traceparent"]["StringValue"].split("-")[2] == f"{context.span_id:016x}"
    assert (span.attributes or {})["messaging.message.id"] == traced["MessageId"]
    assert "traceparent" not in sent["o-2"]["MessageAttributes"]
    assert sent["o-3"]["MessageAttributes"]["traceparent"]["StringValue"] == "00-none"


async def test_a_span_of_what_was_not_sent_says_why(queue_url: str) -> None:
    class Failing:
        async def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto's names
            raise ConnectionResetError

    class HalfTaking:
        async def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto's names
            return {"Successful": [{"Id": Entries[0]["Id"], "MessageId": "m-1"}], "Failed": [{"Id": Entries[1]["Id"]}]}

    ended = Ended()
    tracer = ExportingTracer(TracingConfig("orders"), ended)

    await SqsQueue(HalfTaking(), queue_url, tracer).publish([event(1, TRACEPARENT), event(2, TRACEPARENT)])
    with pytest.raises(QueueUnavailable):
        await SqsQueue(Failing(), queue_url, tracer).publish([event(3, TRACEPARENT)])

    assert [(span.attributes or {}).get("error.type") for span in ended.spans] == [
        None,
        NOT_TAKEN,
        "ConnectionResetError",
    ]


async def test_the_depth_that_was_asked_for_is_shown(sqs: Any, queue_url: str) -> None:
    queue = SqsQueue(sqs, queue_url)
    await queue.publish([Event(f"o-{n}:1", EventType.CREATED, f"o-{n}", 1, NOON, "") for n in range(3)])

    depth = await queue.depth()

    assert depth == value("ordermesh_orders_queue_depth") == 3

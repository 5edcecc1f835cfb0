"""The queue in AWS SQS. A message's body is the ProtoJSON of an OrderEvent."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf.json_format import MessageToJson
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.span_attributes import MESSAGING_MESSAGE_ID, of_queue
from chassis.tracing import NO_TRACER, TRACEPARENT_KEY, Kind, Span, Tracer, is_traceparent
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.metrics import QUEUE_DEPTH
from services.orders.order import Event, EventType
from services.orders.relay import QueueUnavailable

SCHEMA_VERSION = "1"

NOT_TAKEN = "NOT_TAKEN"
"""The fault of an event's span when SQS took others of the batch, or nobody heard what it took."""

_TYPES = {EventType.CREATED: pb.OrderEvent.CREATED, EventType.CANCELLED: pb.OrderEvent.CANCELLED}


class SqsQueue:
    """See :class:`services.orders.relay.Queue`. Each event of a trace has a span, which is its message's parent."""

    def __init__(self, sqs: Any, queue_url: str, tracer: Tracer = NO_TRACER) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._tracer = tracer
        self._span_name, self._span_attributes = of_queue(queue_url, "send")

    async def publish(self, events: Sequence[Event]) -> Collection[str]:
        """See the port."""
        spans = [self._begin_span(event) for event in events]
        entries = [_entry(index, event, span) for index, (event, span) in enumerate(zip(events, spans, strict=True))]
        sent: list[Any] = []
        fault = NOT_TAKEN
        try:
            answer = await self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            sent = answer.get("Successful", [])
        except (BotoCoreError, ClientError, OSError) as error:
            fault = type(error).__name__
            raise QueueUnavailable(fault) from error
        finally:
            _end_spans(spans, {int(entry["Id"]): entry.get("MessageId", "") for entry in sent}, fault)
        return {events[int(entry["Id"])].event_id for entry in sent}

    def _begin_span(self, event: Event) -> Span | None:
        if not is_traceparent(event.traceparent):  # nobody asked for what it tells of
            return None
        return self._tracer.begin(self._span_name, Kind.PRODUCER, event.traceparent, self._span_attributes)

    async def depth(self) -> int:
        """See the port."""
        name = "ApproximateNumberOfMessages"
        try:
            answer = await self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=[name])
        except (BotoCoreError, ClientError, OSError) as error:
            raise QueueUnavailable(type(error).__name__) from error
        depth = int(answer["Attributes"][name])
        QUEUE_DEPTH.set(depth)
        return depth


def _end_spans(spans: Sequence[Span | None], message_ids: Mapping[int, str], fault: str) -> None:
    for index, span in enumerate(spans):
        if span is None:
            continue
        message_id = message_ids.get(index)
        if message_id is not None:
            span.set({MESSAGING_MESSAGE_ID: message_id})
        span.end("" if message_id is not None else fault)


def _entry(index: int, event: Event, span: Span | None) -> dict[str, object]:
    attributes = {"type": event.type.value, "schema_version": SCHEMA_VERSION}
    traceparent = event.traceparent if span is None else span.traceparent
    if traceparent:
        attributes[TRACEPARENT_KEY] = traceparent
    return {
        "Id": str(index),
        "MessageBody": _body(event),
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }


def _body(event: Event) -> str:
    time = Timestamp()
    time.FromDatetime(event.time)
    message = pb.OrderEvent(
        event_id=event.event_id, type=_TYPES[event.type], order_id=event.order_id, version=event.version, time=time
    )
    return MessageToJson(message, indent=None)

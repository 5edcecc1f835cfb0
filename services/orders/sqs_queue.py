"""The queue in AWS SQS. A message's body is the ProtoJSON of an OrderEvent."""

from collections.abc import Collection, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf.json_format import MessageToJson
from google.protobuf.timestamp_pb2 import Timestamp

from ordermesh.orders.v1 import order_service_pb2 as pb
from services.orders.order import Event, EventType
from services.orders.relay import QueueUnavailable

SCHEMA_VERSION = "1"

_TYPES = {EventType.CREATED: pb.OrderEvent.CREATED, EventType.CANCELLED: pb.OrderEvent.CANCELLED}


class SqsQueue:
    """See :class:`services.orders.relay.Queue`."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    async def publish(self, events: Sequence[Event]) -> Collection[str]:
        """See the port."""
        entries = [_entry(index, event) for index, event in enumerate(events)]
        try:
            answer = await self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (BotoCoreError, ClientError, OSError) as error:
            raise QueueUnavailable(type(error).__name__) from error
        return {events[int(sent["Id"])].event_id for sent in answer.get("Successful", ())}

    async def depth(self) -> int:
        """See the port."""
        name = "ApproximateNumberOfMessages"
        try:
            answer = await self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=[name])
        except (BotoCoreError, ClientError, OSError) as error:
            raise QueueUnavailable(type(error).__name__) from error
        return int(answer["Attributes"][name])


def _entry(index: int, event: Event) -> dict[str, object]:
    attributes = {"type": event.type.value, "schema_version": SCHEMA_VERSION}
    if event.traceparent:
        attributes["traceparent"] = event.traceparent
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

"""What SQS does for each of its actions; see the Amazon SQS API Reference, 2012-11-05."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.faults.rig.emulator.batches import Entry, each
from tests.faults.rig.emulator.errors import AwsError, invalid_parameter, named
from tests.faults.rig.emulator.faults import Dice
from tests.faults.rig.emulator.message import (
    Message,
    chosen,
    md5_of_attributes,
    new_message,
    system_attributes,
)
from tests.faults.rig.emulator.queue import Queue
from tests.faults.rig.emulator.queues import ACCOUNT, Queues

RECEIVE_MAX = 10
WAIT_SECONDS_MAX = 20
VISIBILITY_SECONDS_MAX = 43_200
DELAY_SECONDS_MAX = 900
SIZE_MAX = 1_048_576
"""Bytes of a message, and of all messages of a batch, attributes included."""
ATTRIBUTES_MAX = 10
OUTAGE_NOTICED_SECONDS = 0.1
"""A receive that waits is cut so soon after SQS is set to be down."""

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Request = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Traffic:
    """What went through a queue, by event id: how often it was sent and handed out, when it was first deleted."""

    queue: Queue
    published: Counter[str] = field(default_factory=Counter)
    deliveries: Counter[str] = field(default_factory=Counter)
    deletions: dict[str, datetime] = field(default_factory=dict)


class Sqs:
    """Notes the ``traffic`` of one of its queues."""

    def __init__(self, queues: Queues, dice: Dice, traffic: Traffic) -> None:
        self._queues = queues
        self._dice = dice
        self._traffic = traffic
        self.actions: Mapping[str, Callable[[Request], Answer]] = {
            "CreateQueue": self._create_queue,
            "GetQueueUrl": lambda request: {"QueueUrl": queues.named(request["QueueName"]).url},
            "GetQueueAttributes": self._get_queue_attributes,
            "SetQueueAttributes": self._set_queue_attributes,
            "SendMessage": self._send_message,
            "SendMessageBatch": self._send_message_batch,
            "DeleteMessage": lambda request: self._delete(self._queue(request), request),
            "DeleteMessageBatch": self._delete_message_batch,
            "ChangeMessageVisibility": lambda request: self._hide(self._queue(request), request),
            "ChangeMessageVisibilityBatch": self._change_message_visibility_batch,
            "PurgeQueue": self._purge_queue,
        }
        """Everything but ReceiveMessage, which waits."""

    async def receive(self, request: Request) -> Answer:
        """ReceiveMessage. It ends when it is cancelled, and then nothing was received.

        :raises Cut: when SQS goes down meanwhile.
        """
        queue = self._queue(request)
        count_max = _within(request, "MaxNumberOfMessages", 1, RECEIVE_MAX, 1)
        visibility = _within(request, "VisibilityTimeout", 0, VISIBILITY_SECONDS_MAX, queue.visibility_seconds)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _within(request, "WaitTimeSeconds", 0, WAIT_SECONDS_MAX, 0)
        while True:
            self._dice.raise_if_sqs_is_down()
            messages = queue.take(int(count_max), visibility, self._dice.pick)
            left = deadline - loop.time()
            if messages or left <= 0:
                break
            await queue.wait(min(left, OUTAGE_NOTICED_SECONDS))
        if queue is self._traffic.queue:
            self._traffic.deliveries.update(message.event_id for message in messages if message.event_id)
        return {"Messages": [_delivered(queue, message, request) for message in messages]} if messages else {}

    def _queue(self, request: Request) -> Queue:
        return self._queues.at(request["QueueUrl"])

    def _create_queue(self, request: Request) -> Answer:
        return {"QueueUrl": self._queues.create(request["QueueName"], request.get("Attributes", {})).url}

    def _get_queue_attributes(self, request: Request) -> Answer:
        attributes = self._queues.attributes(self._queue(request), request.get("AttributeNames", []))
        return {"Attributes": attributes} if attributes else {}

    def _set_queue_attributes(self, request: Request) -> Answer:
        self._queues.set_attributes(self._queue(request), request["Attributes"])
        return {}

    def _purge_queue(self, request: Request) -> Answer:
        self._queue(request).purge()
        return {}

    def _send_message(self, request: Request) -> Answer:
        if _size(request) > SIZE_MAX:
            words = f"One or more parameters are invalid. Reason: Message must be shorter than {SIZE_MAX} bytes."
            raise invalid_parameter(words)
        return self._send(self._queue(request), request)

    def _send_message_batch(self, request: Request) -> Answer:
        queue = self._queue(request)
        size = sum(map(_size, request["Entries"]))
        if size > SIZE_MAX:
            words = f"Batch requests cannot be longer than {SIZE_MAX} bytes. You have sent {size} bytes."
            raise named("BatchRequestTooLong", words)
        return each(request["Entries"], self._dice, lambda entry: self._send(queue, entry))

    def _delete_message_batch(self, request: Request) -> Answer:
        queue = self._queue(request)
        return each(request["Entries"], self._dice, lambda entry: self._delete(queue, entry))

    def _change_message_visibility_batch(self, request: Request) -> Answer:
        queue = self._queue(request)
        return each(request["Entries"], self._dice, lambda entry: self._hide(queue, entry))

    def _send(self, queue: Queue, entry: Entry) -> Answer:
        body: str = entry["MessageBody"]
        attributes = entry.get("MessageAttributes", {})
        _check_message(entry)
        delay_seconds = _within(entry, "DelaySeconds", 0, DELAY_SECONDS_MAX, 0)
        message = new_message(str(UUID(int=self._dice.random.getrandbits(128), version=4)), body, attributes)
        queue.add(message, delay_seconds)
        if self._dice.hits("duplicate", self._dice.faults.duplicate_share):
            queue.add(message.copy(), delay_seconds)
        if queue is self._traffic.queue and message.event_id:
            self._traffic.published[message.event_id] += 1
        answer = {"MessageId": message.message_id, "MD5OfMessageBody": message.body_md5}
        return answer | ({"MD5OfMessageAttributes": message.attributes_md5} if attributes else {})

    def _delete(self, queue: Queue, entry: Entry) -> Answer:
        message = queue.delete(entry["ReceiptHandle"])
        if message and queue is self._traffic.queue and message.event_id:
            self._traffic.deletions.setdefault(message.event_id, datetime.now(UTC))
        faults = self._dice.faults
        if message and self._dice.hits("resurrect", faults.resurrect_share):
            queue.add(message, self._dice.random.uniform(0.0, faults.resurrect_seconds))
        return {}

    def _hide(self, queue: Queue, entry: Entry) -> Answer:
        seconds = _within(entry, "VisibilityTimeout", 0, VISIBILITY_SECONDS_MAX, 0)
        queue.change_visibility(entry["ReceiptHandle"], seconds)
        return {}


def _delivered(queue: Queue, message: Message, request: Request) -> Answer:
    answer: Answer = {
        "MessageId": message.message_id,
        "ReceiptHandle": queue.receipt(message),
        "MD5OfBody": message.body_md5,
        "Body": message.body,
    }
    names = request.get("MessageSystemAttributeNames", []) + request.get("AttributeNames", [])
    if known := system_attributes(message, names, ACCOUNT):
        answer["Attributes"] = known
    if attributes := chosen(message.attributes, request.get("MessageAttributeNames", [])):
        answer["MessageAttributes"] = attributes
        is_whole = len(attributes) == len(message.attributes)
        answer["MD5OfMessageAttributes"] = message.attributes_md5 if is_whole else md5_of_attributes(attributes)
    return answer


def _within(request: Request, name: str, least: float, most: float, default: float) -> float:
    value = request.get(name)
    if value is None:
        return default
    if not least <= value <= most:
        reason = f"Must be between {least} and {most}, if provided."
        raise invalid_parameter(f"Value {value} for parameter {name} is invalid. Reason: {reason}")
    return float(value)


def _size(entry: Entry) -> int:
    size = _bytes(entry["MessageBody"])
    for name, attribute in entry.get("MessageAttributes", {}).items():
        size += len(name) + sum(map(_bytes, attribute.values()))
    return size


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _check_message(entry: Entry) -> None:
    if not entry["MessageBody"]:
        raise AwsError("MissingParameter", "The request must contain the parameter MessageBody.")
    if _FORBIDDEN.search(entry["MessageBody"]):
        raise AwsError("InvalidMessageContents", "The body has characters that SQS does not take.")
    attributes = entry.get("MessageAttributes", {})
    if len(attributes) > ATTRIBUTES_MAX:
        raise invalid_parameter(f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10].")
    for name, attribute in attributes.items():
        if attribute["DataType"].partition(".")[0] not in {"String", "Number", "Binary"}:
            raise invalid_parameter(f"The message attribute '{name}' has an invalid message attribute type.")
        if not attribute.get("StringValue") and not attribute.get("BinaryValue"):
            raise invalid_parameter(f"The message attribute '{name}' must contain non-empty message attribute value.")

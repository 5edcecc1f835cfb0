"""A message of SQS, and the digests that SQS answers of it."""

import base64
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

Attributes = Mapping[str, Mapping[str, str]]
"""Message attributes by their names, as the JSON protocol has them: binary values are base64."""

_STRING, _BINARY = b"\x01", b"\x02"


class State(IntEnum):
    """Where a message is in its queue."""

    WAITING = 0
    IN_FLIGHT = 1
    DELAYED = 2
    """Sent with a delay, or deleted and about to come back."""
    GONE = 3


@dataclass(slots=True, eq=False)
class Message:
    """One copy of a message. ``serial`` is its place in the order of its queue, and the key of its receipts.

    ``hidden_until`` is on the event loop's clock, in seconds; ``source_arn`` is the queue that gave it up.
    """

    message_id: str
    body: str
    body_md5: str
    attributes: Attributes
    attributes_md5: str
    event_id: str | None
    sent_milliseconds: int
    serial: int = 0
    state: State = State.GONE
    receive_count: int = 0
    first_receive_milliseconds: int = 0
    hidden_until: float = 0.0
    source_arn: str = ""

    def copy(self) -> "Message":
        """The same message once more, in no queue yet."""
        return replace(self, state=State.GONE)


def new_message(message_id: str, body: str, attributes: Attributes) -> Message:
    """A message that was sent just now."""
    return Message(
        message_id=message_id,
        body=body,
        body_md5=md5_of_body(body),
        attributes=attributes,
        attributes_md5=md5_of_attributes(attributes),
        event_id=event_id_of(body),
        sent_milliseconds=int(time.time() * 1000),
    )


def event_id_of(body: str) -> str | None:
    """The ``eventId`` of an OrderEvent's ProtoJSON; nothing when the body is something else."""
    try:
        event = json.loads(body)
    except ValueError:
        return None
    event_id = event.get("eventId") if isinstance(event, dict) else None
    return event_id if isinstance(event_id, str) else None


def md5_of_body(body: str) -> str:
    """See SQS's ``MD5OfMessageBody``."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Attributes) -> str:
    """See "Calculating the MD5 message digest for message attributes" in SQS's guide. Empty when there are none."""
    if not attributes:
        return ""
    parts: list[bytes] = []
    for name in sorted(attributes):
        attribute = attributes[name]
        if "BinaryValue" in attribute:
            kind, value = _BINARY, base64.b64decode(attribute["BinaryValue"])
        else:
            kind, value = _STRING, attribute["StringValue"].encode()
        data_type = attribute["DataType"].encode()
        parts += [_counted(name.encode()), _counted(data_type), kind, _counted(value)]
    return hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()


def _counted(value: bytes) -> bytes:
    return len(value).to_bytes(4) + value


def chosen(attributes: Attributes, names: Iterable[str]) -> Attributes:
    """The attributes that a receive asked for: all, some by name, some by ``prefix.*``."""
    names = set(names)
    if not attributes or not names:
        return {}
    if names & {"All", ".*"}:
        return attributes
    prefixes = tuple(name[:-1] for name in names if name.endswith(".*"))
    return {
        name: value
        for name, value in attributes.items()
        if name in names or any(name.startswith(prefix) for prefix in prefixes)
    }


def system_attributes(message: Message, names: Iterable[str], sender_id: str) -> dict[str, Any]:
    """The attributes that SQS itself gives a message, those that were asked for."""
    names = set(names)
    if not names:
        return {}
    known = {
        "SenderId": sender_id,
        "SentTimestamp": str(message.sent_milliseconds),
        "ApproximateReceiveCount": str(message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(message.first_receive_milliseconds),
    }
    if message.source_arn:
        known["DeadLetterQueueSourceArn"] = message.source_arn
    return known if "All" in names else {name: value for name, value in known.items() if name in names}

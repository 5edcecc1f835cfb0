"""Reading the body of a message: an ``OrderEvent`` as ProtoJSON."""

from google.protobuf import json_format

from ordermesh.orders.v1 import order_service_pb2 as pb
from services.notifier.errors import MessageUnreadable
from services.notifier.queue import Message

SCHEMA_VERSION = "1"
SCHEMA_VERSION_ATTRIBUTE = "schema_version"
ORDER_ID_LENGTH_MAX = 128


def order_id_of(message: Message) -> str:
    """The order that wants attention. The event's type does not matter: the order's state decides.

    :raises MessageUnreadable: when the body is no event, or of a version that is not ours. What a later
        minor change adds to an event is passed over.
    """
    version = message.attributes.get(SCHEMA_VERSION_ATTRIBUTE, SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise MessageUnreadable(f"the message has schema version {version[:10]!r}")
    try:
        event = json_format.Parse(message.body, pb.OrderEvent(), ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError) as error:
        raise MessageUnreadable("the body is no OrderEvent") from error
    if not 1 <= len(event.order_id) <= ORDER_ID_LENGTH_MAX:
        raise MessageUnreadable("the event names no order")
    return event.order_id

"""The messages of google.protobuf that JSON has in forms of their own.

Times and the wrappers are ours. The others are rare, and ``json_format`` reads and writes them.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.jsontext import DuplicateKeys
from gateway.protojson.scalars import Wrong

TIMESTAMP = "google.protobuf.Timestamp"
VALUE = "google.protobuf.Value"
NULL = "google.protobuf.NullValue"
WRAPPERS_FILE = "google/protobuf/wrappers.proto"

DELEGATED = {
    "google.protobuf.Any": "is not a valid google.protobuf.Any",
    "google.protobuf.Duration": "must be a duration like 1.5s",
    "google.protobuf.FieldMask": "must be field names, separated by commas",
    "google.protobuf.ListValue": "is not a valid google.protobuf.ListValue",
    "google.protobuf.Struct": "is not a valid google.protobuf.Struct",
    VALUE: "is not a valid google.protobuf.Value",
}
"""What ``json_format`` does for us, and what is said when it refuses."""

DEPTH_MAX = 100
"""How many messages may be inside each other: protobuf reads no more, so no service would."""

_DEPTH_OF_OBJECT, _DEPTH_OF_LIST = 3, 2
"""How many messages an object in a Struct is (itself, an entry, its value), and a list in a ListValue."""

TOO_DEEP = "is nested too deeply"


def write_delegated(message: Message) -> Any:
    """What ``json_format`` writes."""
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


def reader_of_delegated(descriptor: Descriptor) -> Callable[[Any, int], Message]:
    """What reads a message that is ``depth`` messages deep as ``json_format`` does; raises :class:`Wrong`."""
    message_class = GetMessageClass(descriptor)

    def read(value: Any, depth: int) -> Message:
        _check_inside(value, DEPTH_MAX - depth)
        try:
            return json_format.ParseDict(value, message_class())
        except (json_format.ParseError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise Wrong(DELEGATED[descriptor.full_name]) from None

    return read


def _check_inside(value: Any, depth_left: int) -> None:
    """No key twice, and no more inside each other than so many messages."""
    if depth_left < 0:
        raise Wrong(TOO_DEEP)
    if isinstance(value, DuplicateKeys):
        raise Wrong("has a key twice")
    if isinstance(value, dict):
        for item in value.values():
            _check_inside(item, depth_left - _DEPTH_OF_OBJECT)
    elif isinstance(value, list):
        for item in value:
            _check_inside(item, depth_left - _DEPTH_OF_LIST)

"""JSON Schemas of the types that ProtoJSON writes in a way of their own."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

Schema = dict[str, Any]

_INTEGER = r"^-?[0-9]{1,19}$"
_NATURAL = r"^[0-9]{1,20}$"


def int32() -> Schema:
    """A number."""
    return {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}


def uint32() -> Schema:
    """A number, not negative."""
    return {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}


def int64() -> Schema:
    """A text: JavaScript's numbers end at 2^53."""
    return {"type": "string", "format": "int64", "pattern": _INTEGER}


def uint64() -> Schema:
    """The same, not negative."""
    return {"type": "string", "format": "uint64", "pattern": _NATURAL}


def floating() -> Schema:
    """A number, or one of the three that JSON has no number for."""
    return {"oneOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]}


def text() -> Schema:
    """Any text."""
    return {"type": "string"}


def base64() -> Schema:
    """Bytes."""
    return {"type": "string", "contentEncoding": "base64"}


def boolean() -> Schema:
    """True or false."""
    return {"type": "boolean"}


SCALARS: Mapping[int, Callable[[], Schema]] = {
    FieldDescriptor.TYPE_BOOL: boolean,
    FieldDescriptor.TYPE_STRING: text,
    FieldDescriptor.TYPE_BYTES: base64,
    FieldDescriptor.TYPE_FLOAT: floating,
    FieldDescriptor.TYPE_DOUBLE: floating,
    **dict.fromkeys((FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32), int32),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), uint32),
    **dict.fromkeys((FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64), int64),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), uint64),
}
"""By the type of a field that is no message and no enum."""

MESSAGES: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.Any": {"type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"]},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.BoolValue": boolean(),
    "google.protobuf.BytesValue": base64(),
    "google.protobuf.StringValue": text(),
    "google.protobuf.DoubleValue": floating(),
    "google.protobuf.FloatValue": floating(),
    "google.protobuf.Int32Value": int32(),
    "google.protobuf.UInt32Value": uint32(),
    "google.protobuf.Int64Value": int64(),
    "google.protobuf.UInt64Value": uint64(),
}
"""By the message's full name."""

EXAMPLES: Mapping[str, Any] = {
    "google.protobuf.Timestamp": "2026-07-01T12:00:00Z",
    "google.protobuf.Duration": "1.5s",
    "google.protobuf.FieldMask": "",
    "google.protobuf.Empty": {},
    "google.protobuf.Any": {"@type": "type.googleapis.com/google.protobuf.Empty", "value": {}},
    "google.protobuf.Struct": {},
    "google.protobuf.Value": None,
    "google.protobuf.ListValue": [],
    "google.protobuf.BoolValue": True,
    "google.protobuf.BytesValue": "",
    "google.protobuf.StringValue": "",
    "google.protobuf.DoubleValue": 1.5,
    "google.protobuf.FloatValue": 1.5,
    "google.protobuf.Int32Value": 1,
    "google.protobuf.UInt32Value": 1,
    "google.protobuf.Int64Value": "1",
    "google.protobuf.UInt64Value": "1",
}
"""A value of each."""

"""What JSON must look like to become a message: a walk that finds everything wrong at once.

``google.protobuf.json_format`` stops at the first thing it does not like and takes some that ProtoJSON
forbids (``true`` or ``1.5`` for an enum, ``"1_0"`` for a number, a field in both spellings). The checks
are compiled once per message, as closures over its descriptor.

See https://protobuf.dev/programming-guides/json/.
"""

import math
import re
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis.violations import Violations
from gateway.fields import TEXT_MESSAGES
from gateway.jsontext import DuplicateKeys

VIOLATIONS_MAX = 100
NAME_LENGTH_MAX = 100
"""How much of a caller's own field name an error repeats."""

Check = Callable[[Any, str, Violations], None]
"""Adds what is wrong with a value at a path."""

_INTEGER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_NAMED_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})
_FLOAT_MAX = 3.4028234663852886e38

_WELL_KNOWN_TEXT = {
    "google.protobuf.Timestamp": "must be a time like 2026-07-01T12:00:00Z",
    "google.protobuf.Duration": "must be a duration like 1.5s",
    "google.protobuf.FieldMask": "must be field names, separated by commas",
}
_WELL_KNOWN = TEXT_MESSAGES | {
    "google.protobuf.Any",
    "google.protobuf.ListValue",
    "google.protobuf.Struct",
    "google.protobuf.Value",
}

_INTEGER_RANGES = {
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32), (-(2**31), 2**31 - 1)
    ),
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64), (-(2**63), 2**63 - 1)
    ),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), (0, 2**64 - 1)),
}


class BoundedViolations(Violations):
    """Violations, of which no more than ``VIOLATIONS_MAX`` are kept: a body can have thousands."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def add(self, field: str, description: str) -> None:
        """See :class:`Violations`."""
        self.count += 1
        if self.count <= VIOLATIONS_MAX:
            super().add(field, description)


class FieldShape(NamedTuple):
    """One field: its name in JSON, the check of its value, and the oneof that it belongs to."""

    json_name: str
    check: Check
    oneof: str


class MessageShape:
    """What an object must look like to become a message."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor

    @cached_property
    def _fields(self) -> dict[str, FieldShape]:
        """By both spellings. Made on first use, so that messages may contain themselves."""
        shapes: dict[str, FieldShape] = {}
        for field in self._descriptor.fields:
            oneof = field.containing_oneof.name if field.containing_oneof else ""
            shape = FieldShape(field.json_name, _check_of(field), oneof)
            shapes[field.name] = shapes[field.json_name] = shape
        return shapes

    def check(self, value: Any, path: str, found: Violations) -> None:
        """Add what is wrong with ``value``."""
        if not isinstance(value, dict):
            found.add(path or "body", "must be an object")
            return
        if isinstance(value, DuplicateKeys):
            for name in value.names:
                found.add(_join(path, name), "is given twice")
        fields, oneofs = self._fields, set()
        for name, item in value.items():
            field = fields.get(name)
            if field is None:
                found.add(_join(path, name), "is not a field here")
                continue
            if name != field.json_name and field.json_name in value:
                found.add(_join(path, field.json_name), "is given twice, in both spellings")
            if item is None:
                continue
            if field.oneof:
                if field.oneof in oneofs:
                    found.add(_join(path, field.json_name), "excludes another field that is given")
                oneofs.add(field.oneof)
            field.check(item, f"{path}.{field.json_name}" if path else field.json_name, found)


@cache
def shape_of(descriptor: Descriptor) -> MessageShape:
    """The shape of a message, made once."""
    return MessageShape(descriptor)


def _join(path: str, name: str) -> str:
    shown = name if len(name) <= NAME_LENGTH_MAX else f"{name[:NAME_LENGTH_MAX]}..."
    return f"{path}.{shown}" if path else shown


def _check_of(field: FieldDescriptor) -> Check:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return _map_of(_single(message.fields_by_name["value"]))
    return _list_of(_single(field)) if field.is_repeated else _single(field)


def _single(field: FieldDescriptor) -> Check:
    if field.message_type is not None:
        message = field.message_type
        return _well_known(message) if message.full_name in _WELL_KNOWN else shape_of(message).check
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if field.type in _INTEGER_RANGES:
        return _integer(*_INTEGER_RANGES[field.type])
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return _float(_FLOAT_MAX)
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _float(math.inf)
    return {
        FieldDescriptor.TYPE_STRING: _string,
        FieldDescriptor.TYPE_BYTES: _bytes,
        FieldDescriptor.TYPE_BOOL: _bool,
    }[field.type]


def _list_of(one: Check) -> Check:
    def check(value: Any, path: str, found: Violations) -> None:
        if not isinstance(value, list):
            found.add(path, "must be a list")
            return
        for index, item in enumerate(value):
            if item is None:
                found.add(f"{path}[{index}]", "must not be null")
            else:
                one(item, f"{path}[{index}]", found)

    return check


def _map_of(one: Check) -> Check:
    """Keys are checked by json_format."""

    def check(value: Any, path: str, found: Violations) -> None:
        if not isinstance(value, dict):
            found.add(path, "must be an object")
            return
        if isinstance(value, DuplicateKeys):
            for name in value.names:
                found.add(_join(path, name), "is given twice")
        for key, item in value.items():
            if item is None:
                found.add(_join(path, key), "must not be null")
            else:
                one(item, _join(path, key), found)

    return check


def _integer(least: int, most: int) -> Check:
    description = f"must be a whole number from {least} to {most}"

    def check(value: Any, path: str, found: Violations) -> None:
        if type(value) is str and _INTEGER.fullmatch(value):
            value = float(value) if "." in value or "e" in value.lower() else int(value)
        whole = type(value) is int or (type(value) is float and value.is_integer())
        if not (whole and least <= value <= most):
            found.add(path, description)

    return check


def _float(most: float) -> Check:
    def check(value: Any, path: str, found: Violations) -> None:
        if type(value) is str:
            if value in _NAMED_NUMBERS:
                return
            value = float(value) if _NUMBER.fullmatch(value) else None
        if type(value) not in {int, float} or not (math.isfinite(value) and abs(value) <= most):
            found.add(path, "must be a number")

    return check


def _string(value: Any, path: str, found: Violations) -> None:
    if type(value) is not str:
        found.add(path, "must be a string")
    elif not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            found.add(path, "must be valid Unicode: it has half of a surrogate pair")


def _bytes(value: Any, path: str, found: Violations) -> None:
    if type(value) is not str or not _BASE64.fullmatch(value):
        found.add(path, "must be base64")


def _bool(value: Any, path: str, found: Violations) -> None:
    if type(value) is not bool:
        found.add(path, "must be true or false")


def _enum(enum: EnumDescriptor) -> Check:
    names = frozenset(enum.values_by_name)
    description = f"must be one of {', '.join(value.name for value in enum.values)}"
    least, most = _INTEGER_RANGES[FieldDescriptor.TYPE_INT32]

    def check(value: Any, path: str, found: Violations) -> None:
        known = type(value) is str and value in names
        if not known and not (type(value) is int and least <= value <= most):
            found.add(path, description)

    return check


def _well_known(message: Descriptor) -> Check:
    message_class = GetMessageClass(message)
    description = _WELL_KNOWN_TEXT.get(message.full_name, f"is not a valid {message.full_name}")

    def check(value: Any, path: str, found: Violations) -> None:
        if _has_duplicates(value):
            found.add(path, "has a key twice")
            return
        try:
            json_format.ParseDict(value, message_class())
        except (json_format.ParseError, TypeError, ValueError, AttributeError, KeyError):
            found.add(path, description)

    return check


def _has_duplicates(value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(value, DuplicateKeys) or any(map(_has_duplicates, value.values()))
    return isinstance(value, list) and any(map(_has_duplicates, value))

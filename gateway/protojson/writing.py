"""From messages to what a JSON library writes: dicts, lists, texts, numbers."""

import math
import struct
from binascii import b2a_base64
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.protojson.timestamps import write_timestamp
from gateway.protojson.wellknown import DELEGATED, NULL, TIMESTAMP, WRAPPERS_FILE, write_delegated

Write = Callable[[Any], Any]
"""From a field's value to what JSON has for it; raises ValueError for what JSON cannot have."""

_INT64_TYPES = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})
_FLOAT = struct.Struct("f")
_FLOAT_DIGITS = range(6, 9)


FieldWriter = tuple[str, str, bool, Write | None]
"""One field: its name in JSON, its own, whether it may be absent, what writes its value if that is not JSON already.

Plain tuples are taken apart quickly.
"""


class MessageWriter:
    """Writes messages of one kind as objects: the fields in their order, those at their default too."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor

    @cached_property
    def _fields(self) -> tuple[FieldWriter, ...]:
        """Made on first use, so that messages may contain themselves."""
        return tuple(
            (field.json_name, field.name, field.has_presence, _writer_of(field)) for field in self._descriptor.fields
        )

    def write(self, message: Message) -> dict[str, Any]:
        """The object that the message is in JSON."""
        written = {}
        for json_name, name, may_be_absent, write in self._fields:
            if not may_be_absent or message.HasField(name):
                value = getattr(message, name)
                written[json_name] = value if write is None else write(value)
        return written


@cache
def writer_of(descriptor: Descriptor) -> Write:
    """What writes messages of one kind, made once."""
    if descriptor.full_name == TIMESTAMP:
        return write_timestamp
    if descriptor.full_name in DELEGATED or descriptor.is_extendable:
        return write_delegated
    if descriptor.file.name == WRAPPERS_FILE:
        return _of_wrapper(_writer_of_one(descriptor.fields_by_name["value"]))
    return MessageWriter(descriptor).write


def _writer_of(field: FieldDescriptor) -> Write | None:
    if not field.is_repeated:
        return _writer_of_one(field)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _of_map(field.message_type)
    one = _writer_of_one(field)
    return list if one is None else _of_list(one)


def _writer_of_one(field: FieldDescriptor) -> Write | None:
    if field.message_type is not None:
        return writer_of(field.message_type)
    if field.enum_type is not None:
        return _of_enum(field.enum_type)
    if field.cpp_type in _INT64_TYPES:
        return str
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64
    return {FieldDescriptor.TYPE_FLOAT: _float, FieldDescriptor.TYPE_DOUBLE: _double}.get(field.type)


def _of_wrapper(one: Write | None) -> Write:
    return (lambda message: message.value) if one is None else (lambda message: one(message.value))


def _of_list(one: Write) -> Write:
    def write(values: Any) -> list[Any]:
        return [one(value) for value in values]

    return write


def _of_map(entry: Descriptor) -> Write:
    of_key = _bool_key if entry.fields_by_name["key"].type == FieldDescriptor.TYPE_BOOL else str
    one = _writer_of_one(entry.fields_by_name["value"])

    def write(values: Any) -> dict[str, Any]:
        return {of_key(key): value if one is None else one(value) for key, value in values.items()}

    return write


def _of_enum(enum: EnumDescriptor) -> Write:
    """By name; a number that has none stays one."""
    if enum.full_name == NULL:
        return lambda _: None
    names = {number: enum.values_by_number[number].name for number in enum.values_by_number}

    def write(number: int) -> str | int:
        return names.get(number, number)

    return write


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode()


def _bool_key(key: bool) -> str:
    return "true" if key else "false"


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _float(value: float) -> float | str:
    """The number with the fewest digits that is the same in 32 bits."""
    if not math.isfinite(value):
        return _double(value)
    for digits in _FLOAT_DIGITS:
        rounded = float(f"{value:.{digits}g}")
        if _FLOAT.unpack(_FLOAT.pack(rounded))[0] == value:
            return rounded
    return float(f"{value:.9g}")

"""From what a JSON library read to the fields of messages: everything wrong is found at once.

``google.protobuf.json_format`` stops at the first thing it does not like, and takes some that ProtoJSON forbids
(``true`` or ``1.5`` for an enum, ``"1_0"`` for a number, a field in both spellings).
"""

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.jsontext import DuplicateKeys
from gateway.protojson.places import Place, path_of
from gateway.protojson.scalars import Read, Wrong, reader_of_key, reader_of_scalar
from gateway.protojson.timestamps import read_timestamp
from gateway.protojson.wellknown import (
    DELEGATED,
    DEPTH_MAX,
    NULL,
    TIMESTAMP,
    TOO_DEEP,
    VALUE,
    WRAPPERS_FILE,
    reader_of_delegated,
)
from gateway.violations import BoundedViolations

ReadInside = Callable[[Any, Place, int, BoundedViolations], Any]
"""From what JSON has at a place, so many messages deep, to what the constructor of a message takes for it.

What is wrong is added to the violations; the result means nothing then.
"""

NOT_NULL = "must not be null"


class Reader(NamedTuple):
    """Reads values: ``read`` is a :data:`ReadInside` for those that have an inside, a :data:`Read` for the others."""

    has_inside: bool
    read: Callable[..., Any]
    takes_null: bool = False


FieldReader = tuple[str, str, bool, Callable[..., Any], bool]
"""One field: its name, its name in JSON, and a :class:`Reader` in pieces. Plain tuples are taken apart quickly."""


class MessageReader:
    """Reads objects as the fields of messages of one kind."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._oneofs = [
            frozenset(field.name for field in oneof.fields) for oneof in descriptor.oneofs if len(oneof.fields) > 1
        ]

    @cached_property
    def _fields(self) -> dict[str, FieldReader]:
        """By both spellings. Made on first use, so that messages may contain themselves."""
        readers: dict[str, FieldReader] = {}
        for field in self._descriptor.fields:
            readers[field.name] = readers[field.json_name] = (field.name, field.json_name, *_reader_of(field))
        return readers

    def read(self, value: Any, place: Place, depth: int, found: BoundedViolations) -> dict[str, Any]:
        """The fields by their own names; None where JSON has null."""
        if depth > DEPTH_MAX:
            found.add(path_of(place), TOO_DEEP)
            return {}
        if type(value) is not dict:
            value = _object(value, place, found)
        fields = self._fields
        values: dict[str, Any] = {}
        for name, item in value.items():
            field = fields.get(name)
            if field is None:
                found.add(path_of((place, name)), "is not a field here")
                continue
            attribute, json_name, has_inside, read, takes_null = field
            if item is None and not takes_null:
                values[attribute] = None
            elif has_inside:
                values[attribute] = read(item, (place, json_name), depth + 1, found)
            else:
                try:
                    values[attribute] = read(item)
                except Wrong as wrong:
                    found.add(path_of((place, json_name)), str(wrong))
        if self._oneofs or len(values) != len(value):
            self._compare(value, place, found)
        return values

    def _compare(self, value: dict[str, Any], place: Place, found: BoundedViolations) -> None:
        """Find fields that are given in both spellings, and such that exclude each other."""
        given: dict[str, str] = {}
        for name, item in value.items():
            field = self._fields.get(name)
            if field is None:
                continue
            attribute, json_name = field[:2]
            if name != json_name and json_name in value:
                found.add(path_of((place, json_name)), "is given twice, in both spellings")
            if item is not None:
                given[attribute] = json_name
        for oneof in self._oneofs:
            for excluded in [json_name for name, json_name in given.items() if name in oneof][1:]:
                found.add(path_of((place, excluded)), "excludes another field that is given")


def read_values(value: Any, message: Message, found: BoundedViolations) -> Any:
    """What ``message`` is to become: values by the names of its fields, None where JSON has null.

    For the well-known types that ``json_format`` reads it is a message. Means nothing when ``found`` grew.
    """
    reader = _reader_of_message(message.DESCRIPTOR)
    return reader.read(value, None, 0, found) if reader.has_inside else _read_item(reader, value, None, 0, found)


@cache
def _reader_of_message(descriptor: Descriptor) -> Reader:
    """What reads messages of one kind, made once."""
    if descriptor.full_name == TIMESTAMP:
        return Reader(has_inside=False, read=read_timestamp)
    if descriptor.file.name == WRAPPERS_FILE:
        return Reader(has_inside=False, read=_of_wrapper(reader_of_scalar(descriptor.fields_by_name["value"])))
    if descriptor.full_name in DELEGATED:
        return Reader(True, _of_delegated(reader_of_delegated(descriptor)), descriptor.full_name == VALUE)
    return Reader(has_inside=True, read=MessageReader(descriptor).read)


def _reader_of(field: FieldDescriptor) -> Reader:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _of_map(field.message_type)
    one = _reader_of_one(field)
    return _of_list(one) if field.is_repeated else one


def _reader_of_one(field: FieldDescriptor) -> Reader:
    if field.message_type is not None:
        return _reader_of_message(field.message_type)
    read = reader_of_scalar(field)
    if field.enum_type is not None and field.enum_type.full_name == NULL:
        return Reader(has_inside=False, read=lambda value: 0 if value is None else read(value), takes_null=True)
    return Reader(has_inside=False, read=read)


def _of_wrapper(read: Read) -> Read:
    return lambda value: {"value": read(value)}


def _of_delegated(read: Callable[[Any, int], Message]) -> ReadInside:
    def read_inside(value: Any, place: Place, depth: int, found: BoundedViolations) -> Message | None:
        try:
            return read(value, depth)
        except Wrong as wrong:
            found.add(path_of(place), str(wrong))
            return None

    return read_inside


def _of_list(one: Reader) -> Reader:
    has_inside, read_one, _ = one

    def read(value: Any, place: Place, depth: int, found: BoundedViolations) -> list[Any]:
        if type(value) is not list:
            found.add(path_of(place), "must be a list")
            return []
        if has_inside and None not in value:
            return [read_one(item, (place, index), depth, found) for index, item in enumerate(value)]
        return [_read_item(one, item, (place, index), depth, found) for index, item in enumerate(value)]

    return Reader(True, read)


def _of_map(entry: Descriptor) -> Reader:
    read_key = reader_of_key(entry.fields_by_name["key"])
    one = _reader_of_one(entry.fields_by_name["value"])
    message = entry.fields_by_name["value"].message_type
    message_class = None if message is None else GetMessageClass(message)

    def read(value: Any, place: Place, depth: int, found: BoundedViolations) -> dict[Any, Any]:
        if type(value) is not dict:
            value = _object(value, place, found)
        before, values = found.count, {}
        for name, item in value.items():
            here = (place, name)
            try:
                key = read_key(name)
            except Wrong as wrong:
                found.add(path_of(here), f"is a key that {wrong}")
                continue
            if key in values:
                found.add(path_of(here), "is given twice")
            values[key] = _read_item(one, item, here, depth + 1, found)
        if message_class is None or found.count > before:
            return values
        # in a map, and only there, constructors want messages to be made already
        return {key: message_class(**item) if type(item) is dict else item for key, item in values.items()}

    return Reader(has_inside=True, read=read)


def _read_item(one: Reader, item: Any, place: Place, depth: int, found: BoundedViolations) -> Any:
    """What a list or a map has at a place."""
    has_inside, read, takes_null = one
    if item is None and not takes_null:
        found.add(path_of(place), NOT_NULL)
        return None
    if has_inside:
        return read(item, place, depth, found)
    try:
        return read(item)
    except Wrong as wrong:
        found.add(path_of(place), str(wrong))
        return None


def _object(value: Any, place: Place, found: BoundedViolations) -> dict[str, Any]:
    """The value as an object; an empty one when it is none."""
    if isinstance(value, DuplicateKeys):
        for name in value.names:
            found.add(path_of((place, name)), "is given twice")
        return value
    found.add(path_of(place), "must be an object")
    return {}

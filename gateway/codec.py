"""ProtoJSON in both directions: all that the gateway knows of :mod:`gateway.protojson`.

In: both spellings of a field, unknown and ill-typed fields refused with their paths. Out: lowerCamel
keys, enums by name, int64 as text, and fields without presence also when they have their default.
"""

from typing import Any

from google.protobuf.message import Message

from gateway import jsontext
from gateway.protojson.reading import read_values
from gateway.protojson.wellknown import TOO_DEEP
from gateway.protojson.writing import writer_of
from gateway.violations import BoundedViolations


def encode(message: Message) -> bytes:
    """The JSON text of a message.

    :raises ValueError: when JSON has nothing for it, like a time in the year 10,000.
    """
    return jsontext.dump(writer_of(message.DESCRIPTOR)(message))


def merge(value: Any, message: Message, found: BoundedViolations) -> None:
    """Merge a JSON value into ``message``, or add everything that is wrong with it to ``found``.

    As with ``json_format.ParseDict``, lists and maps replace those that are there, and null takes away.
    """
    before = found.count
    try:
        values = read_values(value, message, found)
    except RecursionError:
        found.add("body", TOO_DEEP)
        return
    if found.count > before:
        return
    if isinstance(values, Message):
        message.CopyFrom(values)
    else:
        _assign(values, message)


def _assign(values: dict[str, Any], message: Message) -> None:
    message_class = type(message)
    if not message.ByteSize():
        message.CopyFrom(message_class(**values))
        return
    for name, value in values.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.message_type is not None and not field.is_repeated and isinstance(value, dict):
            inside = getattr(message, name)
            inside.SetInParent()
            _assign(value, inside)
        else:
            message.ClearField(name)
            message.MergeFrom(message_class(**{name: value}))

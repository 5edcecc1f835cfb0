"""Messages with random values, the same each time."""

from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

DEPTH_MAX = 4

_BITS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
}


def random_message(descriptor: Descriptor, random: Random, depth: int = 0) -> Any:
    """About two thirds of its fields are set."""
    message: Any = GetMessageClass(descriptor)()
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.FromSeconds(random.randrange(4_000_000_000))
        message.nanos = random.choice([0, 1_000_000, 123_456_789])
        return message
    for field in descriptor.fields:
        if random.random() < 2 / 3 and (depth < DEPTH_MAX or field.message_type is None):
            _put(message, field, random, depth + 1)
    return message


def _put(message: Any, field: FieldDescriptor, random: Random, depth: int) -> None:
    count = random.randrange(3)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        getattr(message, field.name).update({f"key {number}": "value" for number in range(count)})
    elif field.is_repeated:
        getattr(message, field.name).extend(_value(field, random, depth) for _ in range(count))
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(_value(field, random, depth))
    else:
        setattr(message, field.name, _value(field, random, depth))


def _value(field: FieldDescriptor, random: Random, depth: int) -> Any:
    if field.message_type is not None:
        return random_message(field.message_type, random, depth)
    if field.enum_type is not None:
        return random.choice([value.number for value in field.enum_type.values])
    if field.type in _BITS:
        least, most = _BITS[field.type]
        return random.choice([least, -1 if least else 1, 0, 1, most])
    return {
        FieldDescriptor.TYPE_STRING: random.choice(["", "text", "Käse ☕", '"\\']),
        FieldDescriptor.TYPE_BOOL: random.random() < 0.5,
        FieldDescriptor.TYPE_DOUBLE: random.choice([0.0, -1.5, 1e300]),
        FieldDescriptor.TYPE_BYTES: b"\xff\x00",
    }[field.type]

"""Finding a message's fields by their names in paths and queries."""

from functools import lru_cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

NESTING_MAX = 8

BOOL_WRAPPER = "google.protobuf.BoolValue"

TEXT_MESSAGES = frozenset(
    {
        "google.protobuf.Timestamp",
        "google.protobuf.Duration",
        "google.protobuf.FieldMask",
        BOOL_WRAPPER,
        "google.protobuf.BytesValue",
        "google.protobuf.DoubleValue",
        "google.protobuf.FloatValue",
        "google.protobuf.Int32Value",
        "google.protobuf.Int64Value",
        "google.protobuf.StringValue",
        "google.protobuf.UInt32Value",
        "google.protobuf.UInt64Value",
    }
)
"""Messages that ProtoJSON writes as one value, so that a text can stand for them."""

FieldPath = tuple[FieldDescriptor, ...]

Names = tuple[str, ...]
"""A field path by the fields' names in the contract. The empty one is the whole message."""


class LeadsNowhere(Exception):
    """There is no such path. It is raised since what is raised is not remembered."""


def resolve(message: Descriptor, path: str) -> FieldPath | None:
    """The fields that a dotted path leads through, each in either spelling.

    None when it leads nowhere, through a list, or to something that one text cannot stand for.
    """
    try:
        return known_path(message, path)
    except LeadsNowhere:
        return None


@lru_cache(maxsize=4096)
def known_path(message: Descriptor, path: str) -> FieldPath:
    """Like :func:`resolve`. Remembered are the contract's own paths: clients may make up any number of others.

    :raises LeadsNowhere: instead of answering None.
    """
    fields: list[FieldDescriptor] = []
    here: Descriptor | None = message
    for name in path.split(".", NESTING_MAX):
        field = _field_named(here, name) if here is not None else None
        if field is None:
            raise LeadsNowhere
        fields.append(field)
        here = field.message_type if _has_inside(field) else None
    if not is_text(fields[-1]):
        raise LeadsNowhere
    return tuple(fields)


def is_text(field: FieldDescriptor) -> bool:
    """Whether a text, or for a list each of several texts, can stand for the field's value."""
    return field.message_type is None or field.message_type.full_name in TEXT_MESSAGES


def names_of(fields: FieldPath) -> Names:
    """The fields' path by their names in the contract."""
    return tuple(field.name for field in fields)


def json_path(fields: FieldPath) -> str:
    """The fields' path as it is written in JSON: ``unitPrice.minorUnits``."""
    return ".".join(field.json_name for field in fields)


def _has_inside(field: FieldDescriptor) -> bool:
    return field.message_type is not None and not field.is_repeated and not is_text(field)


def _field_named(message: Descriptor, name: str) -> FieldDescriptor | None:
    field = message.fields_by_name.get(name)
    if field is not None:
        return field
    return next((field for field in message.fields if field.json_name == name), None)

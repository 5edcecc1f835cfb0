"""What the options of a field say about its value, as JSON Schema puts it."""

from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor

from ordermesh.options.v1 import options_pb2

_KEYWORDS = {
    "format": "format",
    "length_min": "minLength",
    "length_max": "maxLength",
    "minimum": "minimum",
    "maximum": "maximum",
}
_LIST_KEYWORDS = {"count_min": "minItems", "count_max": "maxItems"}
_LEAST = ("minLength", "minItems", "minimum")


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request without the field is refused."""
    return _has_behavior(field, field_behavior_pb2.REQUIRED)


def is_often_absent(field: FieldDescriptor) -> bool:
    """Whether a typical answer does not have the field."""
    return _has_behavior(field, field_behavior_pb2.OPTIONAL)


def example_of(field: FieldDescriptor) -> str:
    """The text of the field's example; empty when it has none."""
    return str(field.GetOptions().Extensions[options_pb2.example])


def limits_of(field: FieldDescriptor) -> dict[str, Any]:
    """The limits of the field's value, of each value when it is a list.

    A field that may be left out and has no presence may also have its default: empty is the same as absent then.
    """
    limits = field.GetOptions().Extensions[options_pb2.limits]
    keywords = _set_in(limits, _KEYWORDS)
    may_be_empty = not (is_required(field) or field.has_presence or field.is_repeated)
    if limits.pattern:
        keywords["pattern"] = f"^(?:{limits.pattern})?$" if may_be_empty else f"^(?:{limits.pattern})$"
    if may_be_empty:
        keywords = {name: value for name, value in keywords.items() if name not in _LEAST or value <= 0}
    return keywords


def list_limits_of(field: FieldDescriptor) -> dict[str, Any]:
    """How many entries a list has."""
    return _set_in(field.GetOptions().Extensions[options_pb2.limits], _LIST_KEYWORDS)


def _set_in(limits: Any, keywords: dict[str, str]) -> dict[str, Any]:
    given = {field.name for field, _ in limits.ListFields()}
    return {keyword: getattr(limits, name) for name, keyword in keywords.items() if name in given}


def _has_behavior(field: FieldDescriptor, behavior: int) -> bool:
    return behavior in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]

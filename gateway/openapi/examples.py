"""Messages with typical values: from the fields' own examples, else from their types and names."""

from collections.abc import Collection
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.openapi.field_options import example_of, is_often_absent, is_required
from gateway.openapi.well_known import EXAMPLES, SCALARS

DEPTH_MAX = 8
"""Messages inside messages; those that contain themselves end there."""

_ID = "39272747ed1ff0ef011ae00ca94d2aee"


def request_example(message: Descriptor, without: Collection[str] = ()) -> dict[str, Any]:
    """A request with what it must have and what is usual."""
    return _object(message, is_request=True, without=without, depth=0)


def answer_example(message: Descriptor) -> Any:
    """An answer with all that is usually there."""
    if message.full_name in EXAMPLES:
        return EXAMPLES[message.full_name]
    return _object(message, is_request=False, without=(), depth=0)


def field_example(field: FieldDescriptor, *, is_request: bool, depth: int = 0) -> Any:
    """A value of a field."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return {"type": _single(message.fields_by_name["value"], is_request=is_request, depth=depth)}
    value = _single(field, is_request=is_request, depth=depth)
    return [value] if field.is_repeated else value


def _object(message: Descriptor, *, is_request: bool, without: Collection[str], depth: int) -> dict[str, Any]:
    is_shown = _is_sent if is_request else _is_answered
    return {
        field.json_name: field_example(field, is_request=is_request, depth=depth + 1)
        for field in message.fields
        if field.name not in without and is_shown(field) and (depth < DEPTH_MAX or not field.message_type)
    }


def _is_sent(field: FieldDescriptor) -> bool:
    return is_required(field) or bool(example_of(field))


def _is_answered(field: FieldDescriptor) -> bool:
    if field.containing_oneof is not None:
        return False
    return not field.has_presence or (field.message_type is not None and not is_often_absent(field))


def _single(field: FieldDescriptor, *, is_request: bool, depth: int) -> Any:
    if field.message_type is not None:
        if field.message_type.full_name in EXAMPLES:
            return EXAMPLES[field.message_type.full_name]
        return _object(field.message_type, is_request=is_request, without=(), depth=depth)
    example = example_of(field)
    if field.enum_type is not None:
        return example or field.enum_type.values[min(1, len(field.enum_type.values) - 1)].name
    if field.type == FieldDescriptor.TYPE_STRING:
        return example or (_ID if field.name.endswith(("_id", "_ids")) else field.name.replace("_", "-"))
    return _scalar(field, example)


def _scalar(field: FieldDescriptor, example: str) -> Any:
    if field.type == FieldDescriptor.TYPE_BOOL:
        return example == "true"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return example
    in_json = SCALARS[field.type]().get("type")
    if in_json == "integer":
        return int(example or "1")
    return (example or "1") if in_json == "string" else float(example or "1.5")

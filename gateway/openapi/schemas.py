"""JSON Schemas of messages, as ProtoJSON reads and writes them.

A message that is both sent and answered has two: what may be left out of a request is always there in an answer,
when the field has no presence. The one for requests is named ``...Input`` then.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.openapi.comments import Comments
from gateway.openapi.field_options import example_of, is_required, limits_of, list_limits_of
from gateway.openapi.well_known import MESSAGES, SCALARS, Schema

_INPUT_SUFFIX = "Input"


class Schemas:
    """Makes schemas on demand and keeps those of messages and enums: :attr:`components`, by name."""

    def __init__(self, comments: Comments, answered: Iterable[Descriptor]) -> None:
        """``answered``: the messages that methods answer with."""
        self.components: dict[str, Schema] = {}
        self._comments = comments
        self._answered = _reachable(answered)
        self._names: dict[object, str] = {}
        self._owners: dict[str, str] = {}
        self._uses: Counter[str] = Counter()

    def of_answer(self, message: Descriptor) -> Schema:
        """The schema of a message that is answered."""
        return self._message(message, is_request=False, without=frozenset())

    def of_request(self, message: Descriptor, without: Collection[str] = ()) -> Schema:
        """The schema of a message that is sent, without the fields that come from elsewhere."""
        return self._message(message, is_request=True, without=frozenset(without))

    def of_field(self, field: FieldDescriptor, *, is_request: bool) -> Schema:
        """The schema of a field's value."""
        described = self._described(field)
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            value = self._single(message.fields_by_name["value"], is_request=is_request)
            return {"type": "object", "additionalProperties": value, **described}
        if field.is_repeated:
            limits = list_limits_of(field) if is_request else {}
            return {"type": "array", "items": self._single(field, is_request=is_request), **limits, **described}
        return {**self._single(field, is_request=is_request), **described}

    def _single(self, field: FieldDescriptor, *, is_request: bool) -> Schema:
        if field.message_type is not None:
            return self._message(field.message_type, is_request=is_request, without=frozenset())
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return SCALARS[field.type]() | (limits_of(field) if is_request else {})

    def _message(self, message: Descriptor, *, is_request: bool, without: frozenset[str]) -> Schema:
        if message.full_name in MESSAGES:
            return dict(MESSAGES[message.full_name])
        is_input = is_request and message.full_name in self._answered
        key = (message.full_name, is_request, without)
        if key not in self._names:
            name = self._new_name(message, _INPUT_SUFFIX if is_input else "")
            self._names[key] = name
            self.components[name] = {}  # so that messages may contain themselves
            self.components[name] |= self._object(message, is_request=is_request, without=without)
        return _reference(self._names[key])

    def _object(self, message: Descriptor, *, is_request: bool, without: frozenset[str]) -> Schema:
        fields = [field for field in message.fields if field.name not in without]
        always = is_required if is_request else _is_always_answered
        required = [field.json_name for field in fields if always(field)]
        return {
            "type": "object",
            **self._described(message),
            "properties": {field.json_name: self.of_field(field, is_request=is_request) for field in fields},
            **({"required": required} if required else {}),
            **({"additionalProperties": False} if is_request else {}),
        }

    def _enum(self, enum: EnumDescriptor) -> Schema:
        if enum.full_name not in self._names:
            name = self._names[enum.full_name] = self._new_name(enum, "")
            values = [f"- `{value.name}`: {self._comments.of_value(value)}" for value in enum.values]
            description = "\n".join([self._comments.of(enum), "", *values]).strip()
            names = [value.name for value in enum.values]
            self.components[name] = {"type": "string", "enum": names, "description": description}
        return _reference(self._names[enum.full_name])

    def _described(self, descriptor: Any) -> Schema:
        comment = self._comments.of(descriptor)
        example = example_of(descriptor) if isinstance(descriptor, FieldDescriptor) else ""
        is_text = example and descriptor.type == FieldDescriptor.TYPE_STRING and not descriptor.is_repeated
        return ({"description": comment} if comment else {}) | ({"examples": [example]} if is_text else {})

    def _new_name(self, descriptor: Any, suffix: str) -> str:
        """The name inside its package; the full one when another package has it; numbered after the first."""
        name = f"{descriptor.full_name.removeprefix(f'{descriptor.file.package}.')}{suffix}"
        if self._owners.setdefault(name, descriptor.full_name) != descriptor.full_name:
            name = f"{descriptor.full_name}{suffix}"
        self._uses[name] += 1
        return name if self._uses[name] == 1 else f"{name}_{self._uses[name]}"


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _is_always_answered(field: FieldDescriptor) -> bool:
    """ProtoJSON writes fields without presence also when they have their default."""
    return not field.has_presence


def _reachable(messages: Iterable[Descriptor]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(messages)
    while waiting:
        message = waiting.pop()
        if message.full_name not in found:
            found.add(message.full_name)
            waiting += [field.message_type for field in message.fields if field.message_type is not None]
    return frozenset(found)

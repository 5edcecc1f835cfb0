"""The contract's REST face: the ``google.api.http`` options of its methods, read and checked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor

from gateway.errors import UnsupportedRule
from gateway.fields import FieldPath, Names, names_of, resolve
from gateway.template import Template, TemplateError, parse_template
from ordermesh.options.v1 import options_pb2

WHOLE_BODY = "*"

VERSION = "version"
"""The field of an answer that every visible change bumps."""

_VERBS = ("get", "put", "post", "delete", "patch")
_VERBS_WITHOUT_BODY = ("get",)
_COUNTERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
)


@dataclass(frozen=True, slots=True)
class Resume:
    """How a stream is taken up again: where its messages say their position, and the request where to go on."""

    position: FieldDescriptor
    after: FieldDescriptor


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to call a method over HTTP.

    ``body`` is ``"*"`` (the whole message), a field, or None. ``created`` is the template of the
    ``Location`` header, for methods that create something. ``resume`` is for methods that stream.
    ``takes_ticket``: a ticket opens the method, too.
    """

    method: MethodDescriptor
    verb: str
    template: Template
    variables: tuple[FieldPath, ...]
    body: FieldDescriptor | str | None
    created: Template | None
    resume: Resume | None
    takes_ticket: bool

    @property
    def has_version(self) -> bool:
        """Whether it reads something whose version says if it has changed."""
        method = self.method
        return self.verb == "GET" and not method.server_streaming and VERSION in method.output_type.fields_by_name

    @property
    def bound(self) -> frozenset[Names]:
        """What no query parameter can set: what path and body give, and what a oneof then excludes."""
        if self.body == WHOLE_BODY:
            return frozenset({()})
        given = [*self.variables, *([(self.body,)] if isinstance(self.body, FieldDescriptor) else [])]
        return frozenset(names for fields in given for names in (names_of(fields), *_excluded(fields)))


def _excluded(fields: FieldPath) -> Iterator[Names]:
    for depth, field in enumerate(fields):
        if field.containing_oneof is not None:
            others = (other.name for other in field.containing_oneof.fields if other.name != field.name)
            yield from ((*names_of(fields[:depth]), other) for other in others)


def read_rules(services: Iterable[ServiceDescriptor]) -> list[Rule]:
    """Every rule of the services' methods, additional bindings included.

    Methods without the option are not for HTTP.

    :raises UnsupportedRule: for a rule that the gateway does not support, naming its method.
    """
    return [rule for service in services for method in service.methods for rule in _rules_of(method)]


def _rules_of(method: MethodDescriptor) -> Iterator[Rule]:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return
    http = options.Extensions[annotations_pb2.http]
    if method.client_streaming:
        raise UnsupportedRule(f"{method.full_name} ({_path_of(http)}): streams of requests are not supported")
    yield _rule(method, http, options)
    for binding in http.additional_bindings:
        if binding.additional_bindings:
            raise UnsupportedRule(f"{method.full_name} ({_path_of(binding)}): bindings have no bindings of their own")
        yield _rule(method, binding, options)


def _rule(method: MethodDescriptor, http: Any, options: Any) -> Rule:
    verb, path = http.WhichOneof("pattern"), _path_of(http)
    where = f"{method.full_name} ({path})"
    if verb not in _VERBS:
        raise UnsupportedRule(f"{where}: the pattern `{verb}` is not supported")
    if http.response_body:
        raise UnsupportedRule(f"{where}: response_body is not supported")
    if http.body and verb in _VERBS_WITHOUT_BODY:
        raise UnsupportedRule(f"{where}: {verb} has no body")
    template = _parsed(where, path)
    variables = tuple(_variable(where, method.input_type, variable) for variable in template.variables)
    return Rule(
        method,
        verb.upper(),
        template,
        variables,
        _body(where, method.input_type, http.body),
        _created(method, options.Extensions[options_pb2.created].location),
        _resume(method, options),
        takes_ticket=bool(options.Extensions[options_pb2.access].ticket_field),
    )


def _path_of(http: Any) -> str:
    verb = http.WhichOneof("pattern")
    if verb is None:
        return ""
    pattern = getattr(http, verb)
    return pattern if isinstance(pattern, str) else str(pattern.path)


def _parsed(where: str, path: str) -> Template:
    try:
        return parse_template(path)
    except TemplateError as error:
        raise UnsupportedRule(f"{where}: {error}") from error


def _variable(where: str, message: Descriptor, path: str) -> FieldPath:
    fields = resolve(message, path)
    if fields is None:
        raise UnsupportedRule(f"{where}: {message.full_name} has no field `{path}` that a path can hold")
    if fields[-1].is_repeated or fields[-1].message_type is not None:
        raise UnsupportedRule(f"{where}: `{path}` is not a single value")
    return fields


def _body(where: str, message: Descriptor, body: str) -> FieldDescriptor | str | None:
    if body in {"", WHOLE_BODY}:
        return body or None
    field = message.fields_by_name.get(body)
    if field is None:
        raise UnsupportedRule(f"{where}: {message.full_name} has no field `{body}` for the body")
    return field


def _created(method: MethodDescriptor, location: str) -> Template | None:
    if not location:
        return None
    where = f"{method.full_name} (Location {location})"
    template = _parsed(where, location)
    for variable in template.variables:
        _variable(where, method.output_type, variable)
    return template


def _resume(method: MethodDescriptor, options: Any) -> Resume | None:
    if not options.HasExtension(options_pb2.resume):
        return None
    names = options.Extensions[options_pb2.resume]
    if not method.server_streaming:
        raise UnsupportedRule(f"{method.full_name} does not stream: it has nothing to resume")
    return Resume(
        _counter(method, method.output_type, names.position), _counter(method, method.input_type, names.after)
    )


def _counter(method: MethodDescriptor, message: Descriptor, name: str) -> FieldDescriptor:
    field = message.fields_by_name.get(name)
    if field is None or field.is_repeated or field.cpp_type not in _COUNTERS:
        raise UnsupportedRule(f"{method.full_name}: {message.full_name} has no field `{name}` that counts")
    return field

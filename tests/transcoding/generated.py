"""Cases made from the descriptors: every rule, every field, every value."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.rules import WHOLE_BODY, Rule
from gateway.template import Variable
from tests.transcoding.cases import Case, with_json
from tests.transcoding.samples import json_texts, texts

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

ANSWERS = 4
"""Random answers that each rule of ours is asked for."""

VALUES_OF_OURS = 3
"""Our contract's fields have few kinds: ``archive.proto`` has each with all of its values."""

ALL_VALUES = "/records"
"""Where it has them: in the query of its GET, in the body of its POST. At its other rules only the path counts."""


def cases_of(rule: Rule, rules: list[Rule]) -> Iterator[Case]:
    """Every case of one rule."""
    path, body = path_of(rule), _body_of(rule)
    is_ours = rule.template.text.startswith(("/api", "/.well-known"))
    yield from (_request(f"answer {n}", rule, path, body) for n in range(ANSWERS if is_ours else 1))
    yield from _paths(rule, path, body)
    yield from _verbs(path, rules)
    yield from _path_values(rule, body)
    if is_ours or rule.template.text == ALL_VALUES:
        yield from _query(rule, path, body)
        yield from _whole_body(rule, path) if rule.body == WHOLE_BODY else ()
    if isinstance(rule.body, FieldDescriptor):
        yield from (_request("field as body", rule, path, text) for text in _field_texts(rule.body))


def _body_of(rule: Rule) -> str | None:
    if isinstance(rule.body, FieldDescriptor):
        return _field_texts(rule.body)[0]
    return None if rule.body is None else "{}"


def path_of(rule: Rule, **given: str) -> str:
    """A path of the rule: the first text of each variable's kind, or the one given."""
    fields = dict(zip(rule.template.variables, rule.variables, strict=True))
    values = (
        (given.get(segment.field_path) or texts(fields[segment.field_path][-1])[0])
        if isinstance(segment, Variable)
        else segment
        for segment in rule.template.segments
    )
    return "".join(f"/{value}" for value in values)


def _request(kind: str, rule: Rule, target: str, body: str | None) -> Case:
    return Case(kind, rule.verb, target) if body is None else with_json(kind, rule.verb, target, body)


def _paths(rule: Rule, path: str, body: str | None) -> Iterator[Case]:
    shapes = {
        "trailing slash": f"{path}/",
        "two trailing slashes": f"{path}//",
        "leading double slash": f"/{path}",
        "double slash": path.replace("/", "//", 2)[1:],
        "one segment more": f"{path}/more",
        "one segment less": path.rpartition("/")[0] or "/",
        "upper case": path.upper(),
        "encoded letter": f"/%{ord(path[1]):02x}{path[2:]}",
        "encoded slash": f"/{path[1:].replace('/', '%2F', 1)}",
        "dot segment": f"/.{path}",
        "custom verb": f"{path}:verb",
        "parameter of a segment": f"{path};a=b",
    }
    yield from (_request(kind, rule, target, body) for kind, target in shapes.items())


def _verbs(path: str, rules: list[Rule]) -> Iterator[Case]:
    there = {other.verb for other in rules if _fits(other, path)}
    for verb in VERBS:
        if verb not in there:
            yield Case("other verb", verb, path)


def _fits(rule: Rule, path: str) -> bool:
    segments = path[1:].split("/")
    return len(segments) == len(rule.template.segments) and all(
        isinstance(wanted, Variable) or wanted == segment
        for wanted, segment in zip(rule.template.segments, segments, strict=True)
    )


def _path_values(rule: Rule, body: str | None) -> Iterator[Case]:
    for name, fields in zip(rule.template.variables, rule.variables, strict=True):
        for text in texts(fields[-1]):
            if text:
                yield _request("value in path", rule, path_of(rule, **{name: text}), body)


def _query(rule: Rule, path: str, body: str | None) -> Iterator[Case]:
    message = rule.method.input_type
    all_values = path == ALL_VALUES and rule.body is None
    for field in message.fields:
        samples = texts(field) if all_values else texts(field)[: 1 if rule.body else VALUES_OF_OURS]
        for text in samples:
            yield _request("value in query", rule, f"{path}?{quote(field.json_name)}={text}", body)
        yield _request("other spelling in query", rule, f"{path}?{field.name}={samples[0]}", body)
        if all_values:
            yield _request(
                "twice in query", rule, f"{path}?{field.name}={samples[0]}&{field.json_name}={samples[1]}", body
            )
            yield from (
                _request("nested in query", rule, f"{path}?{field.name}.{inner.name}={texts(inner)[0]}", body)
                for inner in _fields_inside(field)
            )
    yield _request("unknown in query", rule, f"{path}?colour=red", body)
    yield _request("inside nothing in query", rule, f"{path}?colour.shade=red", body)


def _fields_inside(field: FieldDescriptor) -> Sequence[FieldDescriptor]:
    message = field.message_type
    return () if message is None or message.full_name.startswith("google.protobuf.") else message.fields


def _whole_body(rule: Rule, path: str) -> Iterator[Case]:
    message = rule.method.input_type
    all_values = path == ALL_VALUES
    for field in message.fields:
        found = _field_texts(field)
        for text in found if all_values else (*found[:VALUES_OF_OURS], "[[]]"):
            yield _request("field in body", rule, path, f'{{"{field.json_name}": {text}}}')
        yield _request("other spelling in body", rule, path, f'{{"{field.name}": {found[0]}}}')
        if field.name != field.json_name:
            pair = f'"{field.name}": {found[0]}, "{field.json_name}": {found[0]}'
            yield _request("both spellings in body", rule, path, f"{{{pair}}}")
        yield _request("key twice in body", rule, path, f'{{"{field.name}": {found[0]}, "{field.name}": {found[0]}}}')
    yield _request("all fields in body", rule, path, _all_fields(message))
    yield _request("unknown in body", rule, path, '{"colour": "red"}')
    yield _request("unknown object in body", rule, path, '{"colour": {"shade": ["red"]}}')
    for text in ("", "null", "[]", "1", '"x"', "{", '{"a"'):
        yield _request("no object", rule, path, text)


def _all_fields(message: Descriptor) -> str:
    """One of each; of a oneof the first."""
    chosen = [
        field for field in message.fields if field.containing_oneof is None or field.containing_oneof.fields[0] is field
    ]
    return f"{{{', '.join(f'{chr(34)}{field.json_name}{chr(34)}: {_field_texts(field)[0]}' for field in chosen)}}}"


def _field_texts(field: FieldDescriptor) -> list[str]:
    """JSON texts for the whole field: lists and maps of what one value may be."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        key, value = message.fields
        keys = {FieldDescriptor.TYPE_STRING: ["a", "", "\u00e4"], FieldDescriptor.TYPE_INT32: ["1", "-7", "x", "1.5"]}
        names = keys.get(key.type, ["true", "false", "1", "True"])
        some = [f'{{"{name}": {json_texts(value)[0]}}}' for name in names]
        twice = f'{{"{names[0]}": {json_texts(value)[0]}, "{names[0]}": {json_texts(value)[1]}}}'
        return [*some, "{}", "null", "[]", f'{{"{names[0]}": null}}', f'{{"{names[0]}": []}}', twice]
    if field.is_repeated:
        one, two = json_texts(field)[:2]
        wrong = json_texts(field)[-1]
        return [f"[{one}, {two}, {one}]", "[]", "null", one, "[null]", f"[[{one}]]", f"[{one}, {wrong}]", "{}"]
    return json_texts(field)

"""The parameters of an operation: variables of the path, fields in the query, headers."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor

from chassis.idempotency import KEY_LENGTH_MAX
from gateway.fields import FieldPath, is_text, json_path, names_of
from gateway.forward import DEADLINE_SECONDS_MAX
from gateway.openapi.comments import Comments
from gateway.openapi.field_options import example_of, is_required
from gateway.openapi.schemas import Schemas
from gateway.query import is_bound
from gateway.rules import Rule

IDEMPOTENCY_KEY = "Idempotency-Key"

# An empty header is the same as none.
SHARED_PARAMETERS = {
    "IdempotencyKey": {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "description": "The same as `requestId` in the body; two that differ are refused. Make one for each thing that "
        "you want done once, before the first try, and send it with each further try. Without one the gateway makes "
        "a key for this call alone.",
        "schema": {"type": "string", "pattern": rf"^[\x21-\x7e]{{0,{KEY_LENGTH_MAX}}}$"},
    },
    "GrpcTimeout": {
        "name": "Grpc-Timeout",
        "in": "header",
        "description": "How long you wait, in gRPC's format: `5S` is five seconds. Its units `m`, `u` and `n` are "
        f"understood, too. At most {DEADLINE_SECONDS_MAX:g} seconds.",
        "schema": {"type": "string", "pattern": "^(?:[1-9][0-9]{0,7}[HMS])?$"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of what you have: if it is still that, the answer is 304 and has no body.",
        "schema": {"type": "string", "pattern": '^(\\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'},
        "example": 'W/"3-1c291ca3"',
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The `id` of the last event that you have: only later ones are sent. Browsers send it "
        "by themselves when they connect again.",
        "schema": {"type": "string"},
    },
}


def path_parameters(rule: Rule, schemas: Schemas, comments: Comments) -> list[dict[str, Any]]:
    """The variables of the path."""
    return [
        _parameter(name, "path", fields, schemas, comments)
        for name, fields in zip(rule.template.variables, rule.variables, strict=True)
    ]


def query_parameters(rule: Rule, schemas: Schemas, comments: Comments) -> list[dict[str, Any]]:
    """The fields that a query can set: all that a text can stand for, and that come from no path and no body."""
    return [
        _parameter(json_path(fields), "query", fields, schemas, comments)
        for fields in _in_query(rule.method.input_type, ())
        if not is_bound(names_of(fields), rule.bound)
    ]


def _in_query(message: Descriptor, outer: FieldPath) -> Iterator[FieldPath]:
    for field in message.fields:
        fields = (*outer, field)
        if is_text(field):
            yield fields
            continue
        inside = field.message_type
        if inside and not field.is_repeated and inside not in {message, *(other.message_type for other in outer)}:
            yield from _in_query(inside, fields)


def _parameter(name: str, place: str, fields: FieldPath, schemas: Schemas, comments: Comments) -> dict[str, Any]:
    field = fields[-1]
    schema = schemas.of_field(field, is_request=True)
    description, _ = schema.pop("description", ""), schema.pop("examples", None)
    if place == "path" and schema.get("type") == "string":
        schema.setdefault("minLength", 1)
    example = example_of(field)
    return {
        "name": name,
        "in": place,
        **({"description": description or comments.of(field)} if description or comments.of(field) else {}),
        **({"required": True} if place == "path" or all(map(is_required, fields)) else {}),
        "schema": schema,
        **({"example": example} if example else {}),
    }

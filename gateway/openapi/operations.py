"""One rule of the contract as an operation of OpenAPI."""

from http import HTTPStatus
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from chassis.contract import Level
from chassis.idempotency import REPLAYED_KEY
from gateway import jsontext
from gateway.openapi.comments import Comments, first_sentence
from gateway.openapi.examples import answer_example, field_example, request_example
from gateway.openapi.field_options import is_required
from gateway.openapi.parameters import path_parameters, query_parameters
from gateway.openapi.problems import problem_responses
from gateway.openapi.reasons import read_reasons
from gateway.openapi.schemas import Schemas
from gateway.rules import Rule
from ordermesh.options.v1 import options_pb2

JSON = "application/json"
EVENT_STREAM = "text/event-stream"

BEARER, TICKET = "bearer", "ticket"
"""The names of the security schemes."""

_ABOUT_EVENTS = (
    "One of the server-sent events. What goes wrong late is an event `error`, whose data is a problem document. With "
    "an Upgrade this is a WebSocket: each text is what is the data here."
)

_KEY_FIELD = "request_id"

_FOR_WHOM = {
    Level.USER: "For users who are logged in.",
    Level.ADMIN: "For admins.",
}


class Operations:
    """Makes operations of rules; the schemas that they name are kept in ``schemas``."""

    def __init__(self, comments: Comments, schemas: Schemas) -> None:
        self._comments = comments
        self._schemas = schemas

    def of(self, rule: Rule, tag: str, operation_id: str) -> dict[str, Any]:
        """The operation of a rule."""
        method = rule.method
        level = method.GetOptions().Extensions[options_pb2.access].level
        named, comment = read_reasons(method.full_name, self._comments.of(method))
        summary, description = first_sentence(comment)
        body = self._body(rule)
        parameters = self._parameters(rule)
        texts = [description, _FOR_WHOM.get(level, "")]
        problems = problem_responses(level, has_body=rule.body is not None, named=named)
        return {
            "operationId": operation_id,
            "tags": [tag],
            "summary": summary.rstrip("."),
            "description": "\n\n".join(text for text in texts if text),
            **({"parameters": parameters} if parameters else {}),
            **({"requestBody": body} if body else {}),
            "responses": {**self._success(rule), **problems},
            "security": _security(rule, level),
        }

    def _parameters(self, rule: Rule) -> list[dict[str, Any]]:
        message = rule.method.input_type
        parameters = path_parameters(rule, self._schemas, self._comments)
        parameters += query_parameters(rule, self._schemas, self._comments)
        headers = ["GrpcTimeout"]
        if _KEY_FIELD in message.fields_by_name:
            headers.insert(0, "IdempotencyKey")
        if rule.has_version:
            headers.append("IfNoneMatch")
        if rule.method.server_streaming:
            headers += ["LastEventId"] if rule.resume else []
        return parameters + [{"$ref": f"#/components/parameters/{name}"} for name in headers]

    def _body(self, rule: Rule) -> dict[str, Any] | None:
        """The body; None when there is none, or nothing to say in it."""
        message = rule.method.input_type
        if isinstance(rule.body, FieldDescriptor):
            schema = self._schemas.of_field(rule.body, is_request=True)
            example = field_example(rule.body, is_request=True)
            return _content(JSON, schema, example) | ({"required": True} if is_required(rule.body) else {})
        in_path = {fields[0].name for fields in rule.variables if len(fields) == 1}
        left = [field for field in message.fields if field.name not in in_path]
        if rule.body is None or not left:
            return None
        body = _content(JSON, self._schemas.of_request(message, in_path), request_example(message, in_path))
        return body | ({"required": True} if any(map(is_required, left)) else {})

    def _success(self, rule: Rule) -> dict[str, Any]:
        message = rule.method.output_type
        schema, example = self._schemas.of_answer(message), answer_example(message)
        about = " ".join(self._comments.of(message).split())
        if rule.method.server_streaming:
            event, shown = _event(schema, is_counted=rule.resume is not None), {"data": jsontext.dump(example).decode()}
            return {
                "200": {"description": about or "A stream.", **_content(EVENT_STREAM, event, shown)},
                "204": {"description": "Nothing more will come."},
            }
        status = HTTPStatus.CREATED if rule.created else HTTPStatus.OK
        headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
        if rule.created:
            headers["Location"] = {"$ref": "#/components/headers/Location"}
        if _KEY_FIELD in rule.method.input_type.fields_by_name:
            headers[REPLAYED_KEY.title()] = {"$ref": "#/components/headers/IdempotentReplayed"}
        if rule.has_version:
            headers["ETag"] = {"$ref": "#/components/headers/ETag"}
        response = {"description": about or status.phrase, "headers": headers, **_content(JSON, schema, example)}
        not_modified = {"304": {"description": "You have it already: `If-None-Match` names its tag."}}
        return {str(int(status)): response, **(not_modified if rule.has_version else {})}


def _content(media_type: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"content": {media_type: {"schema": schema, "example": example}}}


def _event(message: dict[str, Any], *, is_counted: bool) -> dict[str, Any]:
    """The schema of one event: before OpenAPI 3.2 that of a stream describes each."""
    either = {"anyOf": [message, {"$ref": "#/components/schemas/Problem"}]}
    counted = {"id": {"type": "string", "description": "What `Last-Event-ID` takes."}} if is_counted else {}
    return {
        "type": "object",
        "description": _ABOUT_EVENTS,
        "properties": {
            **counted,
            "event": {"type": "string", "enum": ["message", "error"]},
            "data": {"type": "string", "contentMediaType": JSON, "contentSchema": either},
        },
        "required": ["data"],
    }


def _security(rule: Rule, level: int) -> list[dict[str, list[str]]]:
    """Who reads what is public may show a token nevertheless: admins are told more."""
    if level != Level.PUBLIC:
        return [{BEARER: []}, {TICKET: []}] if rule.takes_ticket else [{BEARER: []}]
    options = rule.method.GetOptions()
    return [{}, {BEARER: []}] if options.idempotency_level == options.NO_SIDE_EFFECTS else []

"""The OpenAPI 3.1 document of the contract, written from its descriptors, their options and their comments."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from gateway.credentials import TICKET_PARAMETER
from gateway.errors import UnsupportedRule
from gateway.openapi.comments import Comments, first_sentence
from gateway.openapi.operations import BEARER, TICKET, Operations
from gateway.openapi.parameters import SHARED_PARAMETERS
from gateway.openapi.problems import PROBLEM_SCHEMA, SHARED_HEADERS
from gateway.openapi.schemas import Schemas
from gateway.rules import Rule, read_rules

OPENAPI_VERSION = "3.1.1"

Document = dict[str, Any]

_DESCRIPTION = """\
Register, log in, look at the stock, place orders and see what becomes of them.

Send the access token that logging in answers with as `Authorization: Bearer ...`. Every answer has an `X-Request-Id`;
one that you send is kept. Fields are spelled in lowerCamelCase; as in the protos (`order_id`) is understood, too.
64-bit numbers are texts. Errors are problem documents (RFC 9457); `type` and `reason` are for programs and stay,
`title` and `detail` are for people. New fields and new reasons may come at any time.

What is no sound HTTP/1.1 (400, 411, 417, 501, 505), or has more than 16 KiB of headers (431), is answered before it is
a request of any operation. Where requests are limited by client, answers have `RateLimit` and `RateLimit-Policy`."""

_ANSWER_HEADERS: Mapping[str, Any] = {
    "RequestId": {
        "description": "The request's id, yours or a new one.",
        "required": True,
        "schema": {"type": "string"},
        "example": "b5a83848c0534bb4bf746dc41596724d",
    },
    "Location": {
        "description": "The path of what was created.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "ETag": {
        "description": "The tag of this version, for `If-None-Match`.",
        "required": True,
        "schema": {"type": "string", "pattern": '^W/"[!#-~]*"$'},
        "example": 'W/"3-1c291ca3"',
    },
    "IdempotentReplayed": {
        "description": "Given when the key was used before: nothing was done, and this is what that call did.",
        "schema": {"type": "string", "const": "true"},
    },
}


def build_document(services: Mapping[str, ServiceDescriptor], comments: Comments) -> Document:
    """The document of services, by the names that become tags.

    :raises UnsupportedRule: when two operations would have one id.
    :raises MalformedErrors: when a comment's errors cannot be read.
    """
    return document_of({name: (service, read_rules([service])) for name, service in services.items()}, comments)


_TICKET_SCHEME = {
    TICKET: {
        "type": "apiKey",
        "in": "query",
        "name": TICKET_PARAMETER,
        "description": "For browsers, which can send no header with an EventSource or a WebSocket.",
    }
}


def document_of(tagged: Mapping[str, tuple[ServiceDescriptor, list[Rule]]], comments: Comments) -> Document:
    """The document of services and their rules, by tag."""
    rules = [(tag, rule) for tag, (_, rules) in tagged.items() for rule in rules]
    schemas = Schemas(comments, [rule.method.output_type for _, rule in rules])
    operations = Operations(comments, schemas)
    paths: dict[str, dict[str, Any]] = {}
    for (tag, rule), operation_id in zip(rules, _operation_ids(rule for _, rule in rules), strict=True):
        paths.setdefault(rule.template.text, {})[rule.verb.lower()] = operations.of(rule, tag, operation_id)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": "OrderMesh", "version": version("ordermesh"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [
            {"name": tag, "description": first_sentence(comments.of(service))[0]}
            for tag, (service, _) in tagged.items()
        ],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Problem": PROBLEM_SCHEMA},
            "responses": _share_responses(paths),
            "parameters": SHARED_PARAMETERS,
            "headers": {**_ANSWER_HEADERS, **SHARED_HEADERS},
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `accessToken` of a login.",
                },
                **(_TICKET_SCHEME if any(rule.takes_ticket for _, rule in rules) else {}),
            },
        },
    }


def _operation_ids(rules: Iterable[Rule]) -> Iterator[str]:
    """The method's name in lowerCamelCase; its additional bindings are numbered."""
    bindings: Counter[MethodDescriptor] = Counter()
    taken: set[str] = set()
    for rule in rules:
        name = rule.method.name
        bindings[rule.method] += 1
        number = bindings[rule.method]
        operation_id = name[0].lower() + name[1:] + (str(number) if number > 1 else "")
        if operation_id in taken:
            raise UnsupportedRule(f"{rule.method.full_name}: another operation is called `{operation_id}`")
        taken.add(operation_id)
        yield operation_id


def _share_responses(paths: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Move the problems that several operations answer with into the components, named by their status."""
    responses = [operation["responses"] for verbs in paths.values() for operation in verbs.values()]
    counts = Counter(repr(response) for by_status in responses for response in by_status.values())
    names: dict[str, str] = {}
    shared: dict[str, Any] = {}
    for by_status in responses:
        for status, response in by_status.items():
            key = repr(response)
            if int(status) >= HTTPStatus.BAD_REQUEST and counts[key] > 1:
                if key not in names:
                    names[key] = _name(status, shared)
                    shared[names[key]] = response
                by_status[status] = {"$ref": f"#/components/responses/{names[key]}"}
    return shared


def _name(status: str, taken: Mapping[str, Any]) -> str:
    phrase = HTTPStatus(int(status)).phrase.title().replace(" ", "").replace("-", "")
    number = sum(other.rstrip("0123456789") == phrase for other in taken) + 1
    return f"{phrase}{number}" if number > 1 else phrase

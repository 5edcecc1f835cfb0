"""The document, and its schemas as a validator of JSON sees them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from google.protobuf.descriptor import ServiceDescriptor
from jsonschema import Draft202012Validator

from gateway.app import SERVICES
from gateway.openapi.comments import Comments
from gateway.openapi.document import Document, build_document
from gateway.openapi.operations import EVENT_STREAM
from gateway.tests.streams import events

Operation = tuple[str, str, dict[str, Any]]


def document_of_the_contract() -> Document:
    return build_document(SERVICES, Comments.of_the_contract())


def document_without_comments(service: ServiceDescriptor) -> Document:
    return build_document({"library": service}, Comments({}))


def operations(document: Document) -> Iterator[Operation]:
    """Verb, path and operation of each."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield verb, path, operation


def resolved(document: Document, value: Mapping[str, Any]) -> Any:
    """What a reference stands for."""
    found: Any = value
    while "$ref" in found:
        found = document
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
    return found


def wrong_with(document: Document, schema: Mapping[str, Any], value: Any) -> list[str]:
    """What a schema of the document says against a value; formats are looked at, too."""
    whole = {**schema, "components": document["components"]}
    checker = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


def wrong_with_answer(document: Document, operation: Mapping[str, Any], answer: httpx.Response) -> list[str]:
    """What an operation does not say about an answer that it gave."""
    response = resolved(document, operation["responses"].get(str(answer.status_code), {}))
    if not response:
        return [f"{answer.status_code} is not described"]
    media_type = answer.headers["content-type"]
    if media_type not in response["content"]:
        return [f"{media_type} is not described for {answer.status_code}"]
    headers = {name: resolved(document, header) for name, header in response.get("headers", {}).items()}
    return [
        *(
            f"no header {name}"
            for name, header in headers.items()
            if header.get("required") and name not in answer.headers
        ),
        *(
            problem
            for name, header in headers.items()
            if name in answer.headers
            for problem in wrong_with(document, header["schema"], answer.headers[name])
        ),
        *(
            problem
            for schema, value in _values(response["content"][media_type]["schema"], answer)
            for problem in wrong_with(document, schema, value)
        ),
    ]


def _values(schema: Mapping[str, Any], answer: httpx.Response) -> list[tuple[Mapping[str, Any], Any]]:
    """Each value of an answer, a stream has several, with its schema."""
    if answer.headers["content-type"] != EVENT_STREAM:
        return [(schema, answer.json())]
    shown = [event for event in events(answer.text) if "data" in event]
    data = schema["properties"]["data"]["contentSchema"]
    return [(schema, event) for event in shown] + [(data, json.loads(event["data"])) for event in shown]


def strict(document: Document) -> Document:
    """The document with nothing let through that it does not name: what is answered must be described."""
    schemas = {
        name: {"additionalProperties": False, **schema} if schema.get("type") == "object" else schema
        for name, schema in document["components"]["schemas"].items()
    }
    return {**document, "components": {**document["components"], "schemas": schemas}}

"""A Postman collection (v2.1) of the document: a folder a tag, a request an operation.

Requests belong together by variables. What a request answers with and another one needs, an order's id or a token, is
kept in a variable by its test script, so that they can be run in a row.
See https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html.
"""

import json
import re
import sys
from collections.abc import Collection, Iterator
from typing import Any

from gateway.app import SERVICES
from gateway.openapi.comments import Comments
from gateway.openapi.document import Document, build_document
from gateway.openapi.operations import BEARER, JSON

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
BASE_URL = "http://localhost:5000"

ACCESS_TOKEN = "accessToken"  # noqa: S105 - the name of a field and of a variable

_VARIABLE = re.compile(r"\{([^}]+)\}")

_CHECK = """\
pm.test("the answer is {status}", () => pm.response.to.have.status({status}));
"""
_KEEP = """\
if (pm.response.code === {status}) {{
  const answer = pm.response.json();
  for (const name of {names}) {{
    if (answer[name]) pm.collectionVariables.set(name, answer[name]);
  }}
}}
"""


def collection_of(document: Document) -> dict[str, Any]:
    """The collection of a document."""
    variables = _variables(document)
    folders = [
        {
            "name": tag["name"],
            "description": tag["description"],
            "item": [
                _item(document, path, verb, variables)
                for path, verbs in document["paths"].items()
                for verb, operation in verbs.items()
                if operation["tags"] == [tag["name"]]
            ],
        }
        for tag in document["tags"]
    ]
    return {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [_variable("token", f"{{{{{ACCESS_TOKEN}}}}}")]},
        "variable": [_variable("baseUrl", BASE_URL)] + [_variable(name, value) for name, value in variables.items()],
        "item": folders,
    }


def _variables(document: Document) -> dict[str, str]:
    """What requests are filled with, and its first value: tokens, who logs in, and what paths name."""
    found = {ACCESS_TOKEN: ""}
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter.get("in") == "path":
                found.setdefault(_camel(parameter["name"]), parameter.get("example", ""))
        answered = _answered(document, operation)
        if ACCESS_TOKEN in answered:
            found |= {name: "" if name in answered else value for name, value in _body(operation).items()}
    return found


def _item(document: Document, path: str, verb: str, variables: dict[str, str]) -> dict[str, Any]:
    operation = document["paths"][path][verb]
    status = _status_of_success(operation)
    answered = _answered(document, operation)
    script = _CHECK.format(status=status)
    if kept := [name for name in answered if name in variables]:
        script += _KEEP.format(status=status, names=json.dumps(kept))
    is_open = not operation["security"]  # who makes an account goes on with it; who makes an item, with another one
    in_body = {name for name in variables if is_open or name not in answered}
    return {
        "name": operation["operationId"],
        "request": {
            "method": verb.upper(),
            "description": "\n\n".join(text for text in (operation["summary"], operation["description"]) if text),
            **({} if {BEARER: []} in operation["security"] else {"auth": {"type": "noauth"}}),
            "header": _headers(operation),
            "url": _url(path, operation),
            **_request_body(operation, in_body),
        },
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": script.splitlines()}}],
    }


def _url(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    filled = _VARIABLE.sub(lambda match: f"{{{{{_camel(match[1])}}}}}", path)
    query = [
        {"key": parameter["name"], "value": "", "description": parameter.get("description", ""), "disabled": True}
        for parameter in operation.get("parameters", ())
        if parameter.get("in") == "query"
    ]
    return {
        "raw": f"{{{{baseUrl}}}}{filled}",
        "host": ["{{baseUrl}}"],
        "path": filled[1:].split("/"),
        **({"query": query} if query else {}),
    }


def _headers(operation: dict[str, Any]) -> list[dict[str, Any]]:
    headers = [{"key": "Content-Type", "value": JSON}] if "requestBody" in operation else []
    takes_key = {"$ref": "#/components/parameters/IdempotencyKey"} in operation.get("parameters", ())
    return headers + ([{"key": "Idempotency-Key", "value": "{{$guid}}"}] if takes_key else [])


def _request_body(operation: dict[str, Any], variables: Collection[str]) -> dict[str, Any]:
    if "requestBody" not in operation:
        return {}
    text = json.dumps(_filled(_body(operation), variables), indent=2, ensure_ascii=False)
    return {"body": {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}}


def _filled(value: Any, variables: Collection[str]) -> Any:
    """The value with variables in place of the texts that they stand for."""
    if isinstance(value, dict):
        return {
            name: f"{{{{{name}}}}}" if name in variables and isinstance(item, str) else _filled(item, variables)
            for name, item in value.items()
        }
    return [_filled(item, variables) for item in value] if isinstance(value, list) else value


def _operations(document: Document) -> Iterator[dict[str, Any]]:
    return (operation for verbs in document["paths"].values() for operation in verbs.values())


def _status_of_success(operation: dict[str, Any]) -> str:
    return next(str(status) for status in operation["responses"] if status.startswith("2"))


def _answered(document: Document, operation: dict[str, Any]) -> list[str]:
    """The names of the texts that an operation answers with."""
    content = operation["responses"][_status_of_success(operation)]["content"]
    name = content.get(JSON, {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    properties = document["components"]["schemas"].get(name, {}).get("properties", {})
    return [key for key, schema in properties.items() if schema.get("type") == "string"]


def _body(operation: dict[str, Any]) -> Any:
    return operation["requestBody"]["content"][JSON]["example"]


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def _variable(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value, "type": "string"}


if __name__ == "__main__":
    written = collection_of(build_document(SERVICES, Comments.of_the_contract()))
    sys.stdout.write(json.dumps(written, indent=1, ensure_ascii=False) + "\n")

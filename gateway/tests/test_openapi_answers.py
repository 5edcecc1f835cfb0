"""What the gateway really answers, held against the document."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any
from urllib.parse import quote

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from gateway.app import SERVICES
from gateway.body import BODY_BYTES_MAX
from gateway.rules import read_rules
from gateway.tests.backend import Backend
from gateway.tests.documents import Operation, document_of_the_contract, operations, resolved, strict, wrong_with_answer
from gateway.tests.random_messages import random_message

MESSAGES = 10

DOCUMENT = strict(document_of_the_contract())
METHODS = {(rule.verb.lower(), rule.template.text): rule.method for rule in read_rules(SERVICES.values())}
EACH = pytest.mark.parametrize("operation", list(operations(DOCUMENT)), ids=lambda found: found[2]["operationId"])

BY_THE_GATEWAY = {"NOT_ACCEPTABLE", "REQUEST_TIMEOUT", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "STOPPING"}
"""Reasons that no service gives."""


async def send(client: httpx.AsyncClient, operation: Operation, **changed: Any) -> httpx.Response:
    """The request that the document has as its example."""
    verb, path, described = operation
    for parameter in described.get("parameters", ()):
        if parameter.get("in") == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(parameter.get("example", "o-1")))
    body = described.get("requestBody")
    example = {"json": body["content"]["application/json"]["example"]} if body else {}
    return await client.request(verb, path, **(example | changed))


@EACH
async def test_answers_are_as_they_are_described(
    backend: Backend, root: httpx.AsyncClient, operation: Operation
) -> None:
    method = METHODS[operation[:2]]
    random = Random(operation[2]["operationId"])  # noqa: S311 - the same each time
    backend.answers[method.name] = lambda *_: random_message(method.output_type, random)

    answers = [await send(root, operation) for _ in range(MESSAGES)]

    assert {answer.is_success for answer in answers} == {True}, answers[0].text
    assert [problem for answer in answers for problem in wrong_with_answer(DOCUMENT, operation[2], answer)] == []


@EACH
async def test_each_error_of_a_service_is_answered_as_it_is_described(
    backend: Backend, root: httpx.AsyncClient, operation: Operation
) -> None:
    expected = problems(operation)
    backend.answers[METHODS[operation[:2]].name] = aborting([problem for _, problem in expected])

    answers = await asyncio.gather(
        *(send(root, operation, headers={"x-request-id": str(number)}) for number in range(len(expected)))
    )

    found = [(answer.status_code, answer.json()["type"]) for answer in answers]
    assert found == [(status, problem["type"]) for status, problem in expected]
    assert [wrong for answer in answers for wrong in wrong_with_answer(DOCUMENT, operation[2], answer)] == []


def problems(operation: Operation) -> list[tuple[int, dict[str, Any]]]:
    """The problems in an operation's examples that a service can answer with, with their status."""
    return [
        (int(status), example["value"])
        for status, response in operation[2]["responses"].items()
        if int(status) >= 400
        for content in resolved(DOCUMENT, response)["content"].values()
        for reason, example in content["examples"].items()
        if reason not in BY_THE_GATEWAY
    ]


def aborting(problems: Sequence[dict[str, Any]]) -> Any:
    """Ends each call with the problem whose number is the id of the request."""

    async def script(_: Any, context: Any) -> None:
        problem = problems[int(dict(context.invocation_metadata())["x-request-id"])]
        code = grpc.StatusCode[problem["code"]]
        status = status_pb2.Status(code=code.value[0], message=problem["detail"])
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=problem["reason"], domain="ordermesh"))
        await context.abort_with_status(rpc_status.to_status(status))

    return script


@EACH
async def test_what_the_gateway_refuses_is_described(
    anybody: httpx.AsyncClient, root: httpx.AsyncClient, operation: Operation
) -> None:
    described = operation[2]
    answers = [await send(root, operation, params={"colour": "red"})]
    if not METHODS[operation[:2]].server_streaming:
        answers.append(await send(root, operation, headers={"accept": "text/html"}))
        answers.append(await send(root, operation, headers={"grpc-timeout": "soon"}))
    if described["security"] == [{"bearer": []}]:
        answers += [
            await send(anybody, operation),
            await send(anybody, operation, headers={"authorization": "Bearer x"}),
        ]
    if "413" in described["responses"]:
        answers.append(await send(root, operation, json="x" * BODY_BYTES_MAX))
        answers.append(await send(root, operation, json=None, content=b"a=b", headers={"content-type": "text/plain"}))

    assert {answer.status_code for answer in answers} <= {400, 401, 406, 413, 415}
    assert [problem for answer in answers for problem in wrong_with_answer(DOCUMENT, described, answer)] == []


def test_every_operation_with_a_verb_for_it_is_answered_with_a_limit_of_the_body() -> None:
    with_body = {described["operationId"] for verb, _, described in operations(DOCUMENT) if verb in {"post", "patch"}}

    assert {o["operationId"] for _, _, o in operations(DOCUMENT) if "413" in o["responses"]} == with_body

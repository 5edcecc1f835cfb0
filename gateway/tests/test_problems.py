"""Errors of services as problem documents, over the wire."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from chassis import errors
from gateway.problems import STATUS_BY_CODE
from gateway.tests.backend import Backend

STATUSES = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
}


class OutOfStock(errors.FailedPrecondition):
    reason = "OUT_OF_STOCK"


class KeyReused(errors.FailedPrecondition):
    reason = "IDEMPOTENCY_KEY_REUSED"


class NotCancellable(errors.FailedPrecondition):
    reason = "ORDER_NOT_CANCELLABLE"


def raiser(error: Exception) -> Callable[..., Any]:
    def script(*_: Any) -> None:
        raise error

    return script


def aborting(code: grpc.StatusCode, detail: str = "because") -> Callable[..., Any]:
    """Ends the call with a code and an ErrorInfo."""
    status = status_pb2.Status(code=code.value[0], message=detail)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="SOME_REASON", domain="ordermesh"))

    async def script(_: Any, context: Any) -> None:
        await context.abort_with_status(rpc_status.to_status(status))

    return script


@pytest.mark.parametrize("code", STATUSES)
async def test_each_code_has_its_status(backend: Backend, anybody: httpx.AsyncClient, code: grpc.StatusCode) -> None:
    backend.answers["Login"] = aborting(code)

    answer = await anybody.post("/api/auth/login", json={})

    document = answer.json()
    assert (answer.status_code, document["status"]) == (STATUSES[code], STATUSES[code])
    assert (document["code"], document["reason"], document["detail"]) == (code.name, "SOME_REASON", "because")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


def test_no_code_is_forgotten() -> None:
    assert set(STATUS_BY_CODE) == {code.name for code in grpc.StatusCode} - {"OK"}


@pytest.mark.parametrize(
    ("error", "status"), [(OutOfStock("gone"), 409), (KeyReused("other lines"), 422), (NotCancellable("late"), 409)]
)
async def test_some_reasons_have_a_better_status(
    backend: Backend, root: httpx.AsyncClient, error: errors.DomainError, status: int
) -> None:
    backend.answers["CreateOrder"] = raiser(error)

    answer = await root.post("/api/orders", json={})

    assert (answer.status_code, answer.json()["code"]) == (status, "FAILED_PRECONDITION")


async def test_a_problem_document_has_all_its_members(backend: Backend, root: httpx.AsyncClient) -> None:
    backend.answers["CreateOrder"] = raiser(OutOfStock("not enough LAMP", {"LAMP": "2"}))

    answer = await root.post("/api/orders?", json={}, headers={"x-request-id": "r-1"})

    assert answer.json() == {
        "type": "urn:ordermesh:OUT_OF_STOCK",
        "title": "Out of stock",
        "status": 409,
        "detail": "not enough LAMP",
        "instance": "/api/orders",
        "code": "FAILED_PRECONDITION",
        "reason": "OUT_OF_STOCK",
        "metadata": {"LAMP": "2"},
        "violations": [],
        "request_id": "r-1",
    }


async def test_the_instance_is_the_path_as_it_was_sent_without_the_query(
    backend: Backend, anybody: httpx.AsyncClient
) -> None:
    backend.answers["GetItem"] = raiser(errors.NotFound("no such item"))

    answer = await anybody.get("/api/inventory/a%2Fb")

    assert answer.json()["instance"] == "/api/inventory/a%2Fb"


async def test_every_violation_of_a_service_is_listed_as_json_spells_it(
    backend: Backend, root: httpx.AsyncClient
) -> None:
    violations = [
        errors.Violation("items[0].unit_price.minor_units", "is negative"),
        errors.Violation("request_id", "is required"),
        errors.Violation("labels[some_key]", "is odd"),
    ]
    backend.answers["CreateOrder"] = raiser(errors.InvalidArgument(violations))

    answer = await root.post("/api/orders", json={})

    assert answer.json()["violations"] == [
        {"field": "items[0].unitPrice.minorUnits", "description": "is negative"},
        {"field": "requestId", "description": "is required"},
        {"field": "labels[some_key]", "description": "is odd"},
    ]


async def test_401_asks_for_a_token(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/api/orders")

    assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_MISSING")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_401_says_that_the_token_sent_is_not_valid(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/api/orders", headers={"authorization": "Bearer nonsense"})

    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_403_comes_from_the_service(backend: Backend, anybody: httpx.AsyncClient) -> None:
    token = backend.issuer.user("ada")

    answer = await anybody.get("/api/notifications", headers={"authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["reason"]) == (403, "ADMIN_REQUIRED")


@pytest.mark.parametrize(("seconds", "header"), [(2.5, "3"), (0.2, "1"), (30, "30")])
async def test_429_says_when_to_come_back(
    backend: Backend, anybody: httpx.AsyncClient, seconds: float, header: str
) -> None:
    backend.answers["Login"] = raiser(errors.ResourceExhausted("too many passwords", seconds))

    answer = await anybody.post("/api/auth/login", json={})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, header)


async def test_503_says_when_to_come_back(backend: Backend, anybody: httpx.AsyncClient) -> None:
    backend.answers["Login"] = raiser(errors.Unavailable("the database does not answer"))

    answer = await anybody.post("/api/auth/login", json={})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"] == "the database does not answer"


async def test_a_deadline_that_passes_is_504(backend: Backend, anybody: httpx.AsyncClient) -> None:
    backend.answers["Login"] = lambda *_: asyncio.Event().wait()

    answer = await anybody.post("/api/auth/login", json={}, headers={"grpc-timeout": "100m"})

    assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")


async def test_an_exception_in_a_service_tells_nothing(backend: Backend, anybody: httpx.AsyncClient) -> None:
    backend.answers["Login"] = raiser(RuntimeError("mongodb://root:hunter2@db"))

    answer = await anybody.post("/api/auth/login", json={})

    assert (answer.status_code, answer.json()["reason"]) == (500, "INTERNAL")
    assert "hunter2" not in answer.text


async def test_an_exception_in_the_gateway_is_logged_and_tells_nothing(
    backend: Backend, anybody: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.codec.encode", raiser(RuntimeError("hunter2")))

    with caplog.at_level(logging.ERROR):
        answer = await anybody.get("/api/inventory")

    assert (answer.status_code, answer.json()["reason"], answer.json()["detail"]) == (500, "INTERNAL", "internal error")
    assert "hunter2" in caplog.text
    assert "hunter2" not in answer.text

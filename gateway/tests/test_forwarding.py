"""What a service learns from the headers, and what it tells in them."""

import re
from typing import Any
from uuid import UUID

import grpc
import httpx
import pytest

from chassis.server import Application, running_server
from chassis.testing import TEST_SERVER
from gateway.app import SERVICES, open_gateway
from gateway.config import GatewayConfig
from gateway.forward import AUTHORIZATION_LENGTH_MAX, DEADLINE_SECONDS_MAX
from gateway.tests.backend import Backend, listening
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_the_callers_token_id_and_trace_are_forwarded(backend: Backend, root: httpx.AsyncClient) -> None:
    answer = await root.get("/api/orders", headers={"x-request-id": "r-1", "traceparent": TRACE})

    metadata = backend.last.metadata
    assert metadata["authorization"] == root.headers["authorization"]
    assert metadata["x-request-id"] == answer.headers["x-request-id"] == "r-1"
    assert metadata["traceparent"] == TRACE


@pytest.mark.parametrize("headers", [{}, {"x-request-id": "two words", "traceparent": "00-x"}])
async def test_an_id_and_a_trace_are_made_when_there_are_none_to_use(
    backend: Backend, root: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await root.get("/api/orders", headers=headers)

    metadata = backend.last.metadata
    assert re.fullmatch(r"[0-9a-f]{32}", metadata["x-request-id"])
    assert answer.headers["x-request-id"] == metadata["x-request-id"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", metadata["traceparent"])


async def test_errors_have_the_request_id_too(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/nowhere", headers={"x-request-id": "r-2"})

    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "r-2"


async def test_an_idempotency_key_is_forwarded_as_it_is(backend: Backend, root: httpx.AsyncClient) -> None:
    await root.post("/api/orders", json={}, headers={"idempotency-key": "k-1"})

    assert backend.last.metadata["idempotency-key"] == "k-1"


async def test_a_key_in_the_body_is_the_services_business(backend: Backend, root: httpx.AsyncClient) -> None:
    await root.post("/api/orders", json={"requestId": "k-2"})

    assert "idempotency-key" not in backend.last.metadata
    assert backend.last.request.request_id == "k-2"


async def test_a_missing_key_is_made_anew_for_each_request(backend: Backend, root: httpx.AsyncClient) -> None:
    for _ in range(2):
        await root.post("/api/orders", json={})

    first, second = (UUID(received.metadata["idempotency-key"]) for received in backend.received)
    assert first != second
    assert first.version == 4


async def test_a_made_key_is_the_same_when_the_call_is_tried_again(backend: Backend, root: httpx.AsyncClient) -> None:
    async def fail_once(request: Any, context: Any) -> orders_pb2.Order:
        if len(backend.received) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        return orders_pb2.Order(order_id="o-1")

    backend.answers["CreateOrder"] = fail_once

    answer = await root.post("/api/orders", json={})

    assert answer.status_code == 201
    first, second = (received.metadata["idempotency-key"] for received in backend.received)
    assert first == second


async def test_the_gateway_is_the_one_who_tries_again(backend: Backend) -> None:
    async def fail_once(request: Any, context: Any) -> None:
        if [received.method for received in backend.received].count("ListOrders") == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")

    backend.answers["ListOrders"] = fail_once
    application = Application([backend.service(service) for service in SERVICES.values()], backend.issuer.verifier)
    async with running_server(TEST_SERVER, application, "127.0.0.1:0") as port:
        keys = ("AUTH_ADDR", "ORDERS_ADDR", "INVENTORY_ADDR", "NOTIFIER_ADDR")
        identity = {"SERVICE_CLIENT_ID": "gateway", "SERVICE_CLIENT_SECRET": "s" * 32}
        config = GatewayConfig.from_environment(dict.fromkeys(keys, f"127.0.0.1:{port}") | identity)
        async with open_gateway(config) as gateway, listening(gateway) as url, httpx.AsyncClient() as client:
            token = f"Bearer {backend.issuer.admin()}"
            answer = await client.get(f"{url}/api/orders", headers={"authorization": token})

            assert answer.status_code == 200
            assert [received.method for received in backend.received].count("ListOrders") == 2


async def test_no_key_is_made_for_methods_that_take_none(backend: Backend, root: httpx.AsyncClient) -> None:
    await root.get("/api/orders")

    assert "idempotency-key" not in backend.last.metadata


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [(None, 10), ("2S", 2), ("1500m", 1.5), ("3000000u", 3), ("1M", DEADLINE_SECONDS_MAX), ("9H", 60)],
)
async def test_the_deadline_is_the_callers_capped_or_the_default(
    backend: Backend, root: httpx.AsyncClient, sent: str | None, seconds: float
) -> None:
    await root.get("/api/orders", headers={"grpc-timeout": sent} if sent else {})

    assert abs(backend.last.seconds_left - seconds) < 0.9  # gRPC sends it rounded


@pytest.mark.parametrize("sent", ["soon", "1", "S", "123456789S", "-1S", "1.5S"])
async def test_a_deadline_that_is_none_is_invalid(root: httpx.AsyncClient, sent: str) -> None:
    answer = await root.get("/api/orders", headers={"grpc-timeout": sent})

    assert answer.status_code == 400
    assert answer.json()["violations"][0]["field"] == "grpc-timeout"


@pytest.mark.parametrize("key", ["two words", "k" * 256, "schlüssel".encode("latin-1")])
async def test_a_key_that_is_none_is_invalid(backend: Backend, root: httpx.AsyncClient, key: Any) -> None:
    answer = await root.post("/api/orders", json={}, headers={b"idempotency-key": key})

    assert answer.status_code == 400
    assert answer.json()["violations"][0]["field"] == "idempotency-key"
    assert backend.received == []


async def test_two_keys_are_not_one(backend: Backend, root: httpx.AsyncClient) -> None:
    answer = await root.post("/api/orders", json={}, headers=[("idempotency-key", "a"), ("idempotency-key", "b")])

    assert answer.status_code == 400
    assert backend.received == []


async def test_a_token_that_no_metadata_can_hold_is_an_invalid_token(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/api/orders", headers={b"authorization": "Bearer ü".encode("latin-1")})

    assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize("length", [AUTHORIZATION_LENGTH_MAX, AUTHORIZATION_LENGTH_MAX + 1, 8 * 1024, 12 * 1024])
async def test_a_token_of_any_length_that_is_none_is_an_invalid_token(anybody: httpx.AsyncClient, length: int) -> None:
    headers = {"authorization": "Bearer ".ljust(length, "x"), "idempotency-key": "k" * 255, "traceparent": TRACE}

    answer = await anybody.post("/api/orders", json={}, headers=headers)

    assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_INVALID")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_token_that_is_too_long_stays_here_and_keeps_nobody_from_logging_in(
    backend: Backend, anybody: httpx.AsyncClient
) -> None:
    answer = await anybody.post("/api/auth/login", json={}, headers={"authorization": f"Bearer {'x' * 12_000}"})

    assert answer.status_code == 200
    assert len(backend.last.metadata["authorization"]) < AUTHORIZATION_LENGTH_MAX


@pytest.mark.parametrize("way", ["send_initial_metadata", "set_trailing_metadata"])
async def test_a_replayed_answer_says_so(backend: Backend, root: httpx.AsyncClient, way: str) -> None:
    async def replay(request: Any, context: Any) -> orders_pb2.Order:
        sent = getattr(context, way)((("idempotent-replayed", "true"),))
        if sent is not None:
            await sent
        return orders_pb2.Order(order_id="o-1")

    backend.answers["CreateOrder"] = replay

    answer = await root.post("/api/orders", json={}, headers={"idempotency-key": "k"})

    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")


async def test_a_fresh_answer_does_not(root: httpx.AsyncClient) -> None:
    answer = await root.post("/api/orders", json={})

    assert "idempotent-replayed" not in answer.headers

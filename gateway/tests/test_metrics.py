"""What the gateway counts: each request once, and no label is a client's own word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY

from chassis.errors import Unavailable
from gateway.app import SERVICES
from gateway.connections import Connections
from gateway.tests.backend import Backend, channels_to, exchange, gateway_to, listening
from gateway.tests.endpoints import Slow, gateway_of
from gateway.tests.streams import PATH, PATIENCE_SECONDS, Watched, customer, watching

REQUESTS = "ordermesh_gateway_http_requests_total"
SECONDS = "ordermesh_gateway_http_request_seconds"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def until(name: str, wanted: float, **labels: str) -> None:
    """Wait until a series is ``wanted``; fail when it never is."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while value(name, **labels) != wanted:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def counting(name: str, by: float, **labels: str) -> AsyncIterator[None]:
    """The block changes a series by so much, at its end or soon after."""
    before = value(name, **labels)
    yield
    await until(name, before + by, **labels)


async def test_a_request_is_counted_by_its_route_and_status(root: httpx.AsyncClient) -> None:
    labels = {"method": "GET", "route": "/api/orders/{order_id}"}

    async with counting(REQUESTS, 1, **labels, status="200"), counting(f"{SECONDS}_count", 1, **labels):
        await root.get("/api/orders/0123456789abcdef0123456789abcdef")


async def test_what_a_service_refuses_is_counted_as_the_client_saw_it(
    root: httpx.AsyncClient, backend: Backend
) -> None:
    def away(_request: Any, _context: Any) -> None:
        raise Unavailable("this replica goes")

    backend.answers["CancelOrder"] = away

    async with counting(REQUESTS, 1, method="POST", route="/api/orders/{order_id}/cancel", status="503"):
        await root.post("/api/orders/0123456789abcdef0123456789abcdef/cancel", json={})


async def test_paths_that_nobody_knows_are_one_route(anybody: httpx.AsyncClient) -> None:
    async with counting(REQUESTS, 3, method="GET", route="-", status="404"):
        for _ in range(3):
            await anybody.get(f"/{uuid4()}")


async def test_methods_that_no_route_has_are_one_method(anybody: httpx.AsyncClient) -> None:
    async with counting(REQUESTS, 3, method="other", route="-", status="405"):
        for method in ("PROPFIND", "MKCOL", "PURGE"):
            await anybody.request(method, "/api/orders")


async def test_nobody_outside_makes_a_series(anybody: httpx.AsyncClient, url: str) -> None:
    strange = [("GET", f"/api/inventory/{uuid4()}"), ("REPORT", f"/{uuid4()}"), ("DELETE", "/api/orders")]

    async def all_of_it() -> None:
        for method, path in strange:
            headers = {"x-request-id": str(uuid4()), "host": f"{uuid4()}.example", "origin": f"https://{uuid4()}.test"}
            await anybody.request(method, f"{path}?{uuid4()}=1", headers=headers)
        await exchange(url, f"{uuid4()} / HTTP/1.1\r\n\r\n".encode())

    await all_of_it()
    before = series()
    for _ in range(5):
        await all_of_it()

    assert series() == before


def series() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in REGISTRY.collect()
        for sample in family.samples
        if family.name.startswith("ordermesh_gateway")
    }


async def test_a_stream_is_counted_when_it_begins_and_shown_while_it_lasts(backend: Backend, url: str) -> None:
    watched = backend.answers["WatchOrder"] = Watched()
    labels = {"method": "GET", "route": "/api/orders/{order_id}/events", "status": "200"}
    before = value(REQUESTS, **labels)

    async with httpx.AsyncClient(base_url=url, headers=customer(backend)) as client:
        async with watching(client):
            await watched.begun.wait()
            assert value("ordermesh_gateway_streams") == 1
            assert value(REQUESTS, **labels) == before + 1
        await until("ordermesh_gateway_streams", 0)

    assert value(REQUESTS, **labels) == before + 1


async def test_what_is_in_flight_is_shown(backend: Backend) -> None:
    slow = Slow()
    before = value("ordermesh_gateway_http_requests_in_flight")
    async with listening(gateway_of(slow)) as url, httpx.AsyncClient(base_url=url) as client:
        asking = asyncio.create_task(client.get("/slow"))
        await slow.reached.wait()

        assert value("ordermesh_gateway_http_requests_in_flight") == before + 1
        assert value("ordermesh_gateway_connections") == 1
        slow.go_on.set()
        await asking

    assert value("ordermesh_gateway_http_requests_in_flight") == before


async def test_a_stream_too_many_is_counted_as_refused(backend: Backend) -> None:
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels, streams_max=0)) as url,
        httpx.AsyncClient(base_url=url, headers=customer(backend)) as client,
        counting("ordermesh_gateway_refused_total", 1, limit="streams"),
    ):
        assert (await client.get(PATH)).status_code == 503


async def test_a_request_too_many_is_counted_as_refused() -> None:
    slow = Slow()
    async with (
        listening(gateway_of(slow, requests_max=1)) as url,
        httpx.AsyncClient(base_url=url) as client,
        counting("ordermesh_gateway_refused_total", 1, limit="requests"),
    ):
        asking = asyncio.create_task(client.get("/slow"))
        await slow.reached.wait()
        assert (await client.get("/slow")).status_code == 503
        slow.go_on.set()
        await asking


async def test_a_connection_that_has_to_go_is_counted() -> None:
    async with (
        listening(gateway_of(Slow()), Connections(1)) as url,
        counting("ordermesh_gateway_refused_total", 1, limit="connections"),
    ):
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        await exchange(url, b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        writer.close()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "MALFORMED_REQUEST"),
        (b"GET / HTTP/1.1\r\nx: " + 20_000 * b"x" + b"\r\n\r\n", "HEADERS_TOO_LARGE"),
        (b"BREW /coffee HTTP/1.1\r\n\r\n", "METHOD_NOT_IMPLEMENTED"),
    ],
)
async def test_what_is_refused_before_there_is_a_request_is_counted(url: str, sent: bytes, reason: str) -> None:
    async with counting("ordermesh_gateway_heads_refused_total", 1, reason=reason):
        await exchange(url, sent)

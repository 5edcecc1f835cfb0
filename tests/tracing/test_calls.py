"""Which spans requests and calls have, how they end, and which have none: a real gateway before a real server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

import grpc
import httpx
import pytest

from chassis.call import Call, calling
from chassis.channels import call
from chassis.errors import NotFound, ResourceExhausted, Unavailable
from chassis.testing import bearer
from chassis.tracing import Kind
from gateway import upstream
from gateway.app import SERVICES
from gateway.tests.backend import Backend, channels_to, gateway_to, listening
from gateway.tests.streams import Watched, broken, customer, watching
from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub
from tests.tracing.ended import Ended
from tests.tracing.spans import SeenSpan, Tree, trees

GET_ORDER = "orders.v1.OrderService/GetOrder"
WATCH_ORDER = "orders.v1.OrderService/WatchOrder"
ORDER = "/api/orders/0123456789abcdef0123456789abcdef"
EVENTS = "/api/orders/{order_id}/events"
ROUTE = "/api/orders/{order_id}"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Traced:
    """A gateway and the services that answer it, whose spans are kept."""

    backend: Backend
    ended: Ended
    http: httpx.AsyncClient
    orders: grpc.aio.Channel


@pytest.fixture
async def traced() -> AsyncIterator[Traced]:
    backend, ended = Backend(), Ended()
    async with (
        channels_to(SERVICES, backend, tracer=ended.tracer("orders")) as channels,
        listening(gateway_to(SERVICES, channels, tracer=ended.tracer("gateway"))) as url,
        httpx.AsyncClient(base_url=url, headers=customer(backend)) as http,
    ):
        yield Traced(backend, ended, http, channels["orders"])


def raising(error: Exception) -> Any:
    def script(request: Any, context: Any) -> Any:
        raise error

    return script


def by_side(spans: list[SeenSpan]) -> dict[str, SeenSpan]:
    return {f"{span.process} {span.kind}": span for span in spans}


async def test_a_request_and_its_call_say_what_they_are(traced: Traced) -> None:
    await traced.http.get(ORDER)
    spans = by_side(await traced.ended.until(3))

    rpc = {
        "rpc.system.name": "grpc",
        "rpc.method": f"ordermesh.{GET_ORDER}",
        "rpc.response.status_code": "OK",
    }
    assert trees(list(spans.values())) == [
        (f"gateway SERVER GET {ROUTE}", [(f"gateway CLIENT {GET_ORDER}", [(f"orders SERVER {GET_ORDER}", [])])])
    ]
    assert dict(spans["gateway SERVER"].attributes) == {
        "http.request.method": "GET",
        "http.route": ROUTE,
        "http.response.status_code": 200,
    }
    assert dict(spans["gateway CLIENT"].attributes) == dict(spans["orders SERVER"].attributes) == rpc


@pytest.mark.parametrize(
    ("error", "code", "status", "is_fault"),
    [
        (NotFound("no such order"), "NOT_FOUND", 404, False),
        (ResourceExhausted("busy"), "RESOURCE_EXHAUSTED", 429, False),
        (Unavailable("away"), "UNAVAILABLE", 503, True),
        (ValueError("a bug"), "INTERNAL", 500, True),
    ],
)
async def test_only_what_a_service_is_at_fault_for_is_an_error(
    traced: Traced, error: Exception, code: str, status: int, is_fault: bool
) -> None:
    traced.backend.answers["GetOrder"] = raising(error)

    answer = await traced.http.get(ORDER)
    spans = by_side(await traced.ended.until(3))

    assert answer.status_code == status
    assert {side: span.is_error for side, span in spans.items()} == {
        "gateway SERVER": status >= 500,
        "gateway CLIENT": is_fault,
        "orders SERVER": is_fault,
    }
    assert spans["orders SERVER"].attributes["rpc.response.status_code"] == code
    assert spans["gateway SERVER"].attributes["http.response.status_code"] == status
    faults = {span.attributes.get("error.type") for span in spans.values()}
    assert faults == ({str(status), code} if is_fault else {None})


async def test_what_is_not_routed_has_a_span_without_a_route_and_a_probe_has_none(traced: Traced) -> None:
    for path in ("/healthz", "/readyz", "/nothing/here"):
        assert "traceresponse" in (await traced.http.get(path)).headers
    spans = await traced.ended.until(1)

    assert [(span.name, dict(span.attributes)) for span in spans] == [
        ("GET", {"http.request.method": "GET", "http.response.status_code": 404})
    ]


async def test_a_stream_is_one_span_and_each_call_that_goes_on_with_it_is_one(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "BACKOFF_SECONDS_MIN", 0.0)
    watched = traced.backend.answers["WatchOrder"] = Watched(breaks=[broken()])

    async with watching(traced.http) as stream:
        for _ in range(3):
            await watched.move()
            await stream.version()
        assert await stream.rest() == []
    spans = await traced.ended.until(5)

    broke: Tree = (f"gateway CLIENT {WATCH_ORDER} !", [(f"orders SERVER {WATCH_ORDER} !", [])])
    ended: Tree = (f"gateway CLIENT {WATCH_ORDER}", [(f"orders SERVER {WATCH_ORDER}", [])])
    assert trees(spans) == [(f"gateway SERVER GET {EVENTS}", [broke, ended])]


async def test_a_client_that_leaves_is_nobodys_fault(traced: Traced) -> None:
    watched = traced.backend.answers["WatchOrder"] = Watched()

    async with watching(traced.http) as stream:
        await watched.move()
        await stream.version()
    spans = by_side(await traced.ended.until(3))

    assert not any(span.is_error for span in spans.values())
    assert {span.attributes.get("rpc.response.status_code") for span in spans.values()} == {None, "CANCELLED"}


async def test_a_grpc_clients_trace_goes_on_at_the_service(traced: Traced) -> None:
    stub: Any = OrderServiceStub(traced.orders)

    metadata = bearer(traced.backend.issuer.user("ada"), ("traceparent", PARENT))
    await stub.GetOrder(pb.GetOrderRequest(order_id="o-1"), metadata=metadata)
    (span,) = await traced.ended.until(1)

    assert (span.process, span.trace_id, span.parent_id) == ("orders", *PARENT.split("-")[1:3])


async def test_a_call_that_nobody_asked_for_makes_no_spans(traced: Traced) -> None:
    stub: Any = OrderServiceStub(traced.orders)
    token = traced.backend.issuer.user("ada")

    await call(stub.GetOrder, pb.GetOrderRequest(order_id="o-1"), authorization=token)
    await traced.http.get("/nothing/here")  # whatever the call had made would be here before
    spans = await traced.ended.until(1)

    assert [span.name for span in spans] == ["GET"]
    assert traced.backend.last.metadata["traceparent"].endswith("-00")


async def test_a_call_whose_caller_gives_up_is_cancelled_and_over(traced: Traced) -> None:
    asked = asyncio.Event()

    async def hang(request: Any, context: Any) -> Any:
        asked.set()
        await asyncio.Event().wait()

    traced.backend.answers["GetOrder"] = hang
    stub: Any = OrderServiceStub(traced.orders)
    span = traced.ended.tracer("notifier").begin("work", Kind.CONSUMER, "", {})
    with calling(Call("r-1", span.traceparent, monotonic() + 60, span=span)):
        token = traced.backend.issuer.user("ada")
        calling_it = asyncio.ensure_future(call(stub.GetOrder, pb.GetOrderRequest(order_id="o-1"), authorization=token))
        await asked.wait()
        calling_it.cancel()
        await asyncio.wait([calling_it])

    spans = await traced.ended.until(2)
    assert {span.attributes["rpc.response.status_code"] for span in spans} == {"CANCELLED"}
    assert not any(span.is_error for span in spans)

"""``python -m bench.traces``: what traces cost, in one run: a span, and a GET over REST without, unsampled, and traced.

A GET goes through the gateway's application, a real channel and a real server that answers at once, and makes three
spans; they are sent to a collector in a process of its own, and sending them is counted, too. What counts is this
process's time on the processor; each figure is the median of its rounds, which take turns.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median
from time import process_time_ns
from typing import Any

import grpc
import uvloop

from chassis.channels import open_channel
from chassis.logs import configure_logging
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.traced_channel import TracedChannel
from chassis.tracing import Kind, Tracer, TracingConfig, open_tracer
from gateway.app import SERVICES, build_gateway
from gateway.asgi import Gateway
from gateway.client_address import TrustedProxies
from ordermesh.inventory.v1 import inventory_service_pb2 as pb

ROUNDS = 9
REQUESTS = 400
AT_ONCE = 8
SPANS = 5_000
CALLS = 100_000

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """Work, and how often a round does it."""

    name: str
    work: Work
    times: int


async def main(arguments: Sequence[str]) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.traces", description="What traces cost.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of which the median counts (default {ROUNDS})")
    parser.add_argument("--share", type=float, default=1.0, help="of the work of a round (default 1)")
    parser.add_argument("--collector", action="store_true", help="be the collector")
    chosen = parser.parse_args(arguments)
    if chosen.collector:
        return collect()
    configure_logging("error", "text")
    async with AsyncExitStack() as stack:
        endpoint = await stack.enter_async_context(collector())
        cases = [case async for case in opened_cases(stack, endpoint, chosen.share)]
        for case in cases:
            await case.work()
        figures: dict[str, list[float]] = {case.name: [] for case in cases}
        for _ in range(chosen.rounds):
            for case in cases:
                begun = process_time_ns()
                await case.work()
                figures[case.name].append((process_time_ns() - begun) / case.times / 1_000)
    for name, measured in figures.items():
        sys.stdout.write(f"{name:<34}{median(measured):8.2f} us\n")
    return 0


async def opened_cases(stack: AsyncExitStack, endpoint: str, share: float) -> AsyncIterator[Case]:
    """What is measured."""
    calls, spans, requests = (max(AT_ONCE, int(share * count)) for count in (CALLS, SPANS, REQUESTS))
    yield Case("a call, before the channel knew spans", direct(calls), calls)
    yield Case("the same without a span", untraced(calls), calls)
    for name, config in (
        ("unsampled", TracingConfig("bench", endpoint, "always_off")),
        ("traced", TracingConfig("bench", endpoint)),
    ):
        tracer = await stack.enter_async_context(open_tracer(config))
        yield Case(f"a span, {name}", making_spans(tracer, spans), spans)
    for name, config in (
        ("without traces", TracingConfig("bench")),
        ("unsampled", TracingConfig("bench", endpoint, "always_off")),
        ("traced", TracingConfig("bench", endpoint)),
    ):
        tracer = await stack.enter_async_context(open_tracer(config))
        gateway = await stack.enter_async_context(serving(tracer))
        yield Case(f"GET /api/inventory, {name}", asking(gateway, requests), requests)


def direct(count: int) -> Work:
    """An rpc that does nothing, which a channel would wrap."""
    rpc = Nothing().unary_unary("/package.Service/Method")

    async def work() -> None:
        for _ in range(count):
            rpc(None, timeout=1.0, metadata=())

    return work


def untraced(count: int) -> Work:
    """The same rpc, wrapped, where no call is being served that has a span."""
    rpc = TracedChannel(Nothing()).unary_unary("/package.Service/Method")  # type: ignore[arg-type] # it has what is used

    async def work() -> None:
        for _ in range(count):
            rpc(None, timeout=1.0, metadata=())

    return work


class Nothing:
    """A channel that goes nowhere."""

    def unary_unary(self, _method: str) -> Callable[..., None]:
        """An rpc that answers nothing."""
        return lambda _request, **_options: None


def making_spans(tracer: Tracer, count: int) -> Work:
    """Spans as a server makes them, without the call."""

    async def work() -> None:
        for number in range(count):
            span = tracer.begin("package.Service/Method", Kind.SERVER, "", {"rpc.system.name": "grpc"})
            assert span is not None, "the tracer is on"
            span.set({"rpc.response.status_code": "OK"})
            span.end()
            if number % 100 == 0:
                await asyncio.sleep(0)

    return work


def asking(gateway: Gateway, count: int) -> Work:
    """Requests, a few at once."""
    headers = [(b"host", b"localhost"), (b"accept", b"application/json")]
    scope = {"type": "http", "method": "GET", "raw_path": b"/api/inventory", "query_string": b"", "headers": headers}

    async def one() -> None:
        statuses: list[int] = []
        over = asyncio.Event()

        async def receive() -> Mapping[str, Any]:
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            if "status" in message:
                statuses.append(message["status"])

        await gateway(dict(scope), receive, send)
        over.set()
        if statuses != [200]:
            raise RuntimeError(f"the gateway answered {statuses}")

    async def some() -> None:
        for _ in range(count // AT_ONCE):
            await one()

    async def work() -> None:
        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    return work


@asynccontextmanager
async def serving(tracer: Tracer) -> AsyncIterator[Gateway]:
    """A gateway before an inventory without items."""
    descriptor = SERVICES["inventory"]

    async def list_items(_request: pb.ListItemsRequest, _context: Any) -> pb.ListItemsResponse:
        return pb.ListItemsResponse()

    handler = grpc.unary_unary_rpc_method_handler(
        list_items, pb.ListItemsRequest.FromString, pb.ListItemsResponse.SerializeToString
    )

    def register(server: grpc.aio.Server) -> None:
        handlers = grpc.method_handlers_generic_handler(descriptor.full_name, {"ListItems": handler})
        server.add_generic_rpc_handlers((handlers,))

    application = Application([Service(descriptor, register)], TestIssuer().verifier, tracer=tracer)
    async with (
        running_server(TEST_SERVER, application, "127.0.0.1:0") as port,
        open_channel(f"127.0.0.1:{port}", descriptor) as channel,
    ):
        yield build_gateway(
            {"inventory": descriptor},
            {"inventory": channel},
            proof=str,
            trusted_proxies=TrustedProxies(()),
            tracer=tracer,
        )


def collect() -> int:
    """Take all that comes and keep nothing, until standard input ends."""
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    export: Any = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    service, _, method = EXPORT.removeprefix("/").partition("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: export}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop(None)
    return 0


@asynccontextmanager
async def collector() -> AsyncIterator[str]:
    """Where a collector is, for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.traces", "--collector"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    sys.exit(uvloop.run(main(sys.argv[1:])))

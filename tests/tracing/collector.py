"""A collector: it receives spans by OTLP over gRPC, keeps them, or hangs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.tracing.spans import SeenSpan, received


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what comes, by batches; while it ``hangs`` it answers nothing. Each export is counted in ``asked``."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.port = 0
        self.asked = 0
        self._hangs = hangs
        self._batches: list[trace_pb2.ResourceSpans] = []
        self._changed = asyncio.Condition()

    @property
    def endpoint(self) -> str:
        """Where it is, as OTEL_EXPORTER_OTLP_ENDPOINT says it."""
        return f"http://127.0.0.1:{self.port}"

    async def Export(self, request: Any, context: Any) -> Any:
        """Take a batch."""
        async with self._changed:
            self.asked += 1
            self._batches.extend([] if self._hangs else request.resource_spans)
            self._changed.notify_all()
        if self._hangs:
            await asyncio.Event().wait()
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self, trace_id: str = "") -> list[SeenSpan]:
        """Those of a trace, or all."""
        return [span for span in received(self._batches) if trace_id in ("", span.trace_id)]

    def holds(self, text: str) -> bool:
        """Whether a text is anywhere in what came."""
        return any(text.encode() in batch.SerializeToString() for batch in self._batches)

    async def until_asked(self) -> None:
        """Wait for a first batch."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.asked > 0)

    async def until(self, trace_id: str, count: int) -> list[SeenSpan]:
        """Wait until so many spans of a trace came."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.spans(trace_id)) >= count)
        return self.spans(trace_id)


@asynccontextmanager
async def open_collector(*, hangs: bool = False) -> AsyncIterator[Collector]:
    """A collector at a free port of this machine."""
    collector = Collector(hangs=hangs)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    collector.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)

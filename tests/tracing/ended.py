"""Spans that ended in this process, and the tracers of those who made them."""

import asyncio

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from chassis.exported_spans import ExportingTracer
from chassis.tracing import SAMPLER_DEFAULT, TracingConfig
from tests.tracing.spans import SeenSpan, made

PATIENCE_SECONDS = 20.0


class Ended(SpanProcessor):
    """Keeps the spans that ended, of all processes, and wakes who waits for some."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self._changed = asyncio.Condition()
        self._loop = asyncio.get_running_loop()
        self._waking: set[asyncio.Task[None]] = set()

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)
        task = self._loop.create_task(self._wake())
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    def tracer(self, process: str, sampler: str = SAMPLER_DEFAULT) -> ExportingTracer:
        """A process's tracer, whose spans come here."""
        return ExportingTracer(TracingConfig(process, sampler=sampler), self)

    async def until(self, count: int) -> list[SeenSpan]:
        """Wait until so many spans ended."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.spans) >= count)
        return made(self.spans)

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

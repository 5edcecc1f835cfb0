"""Spans that OpenTelemetry's SDK keeps and sends to a collector, by OTLP over gRPC.

Nothing here holds up who makes a span: it goes into a bounded queue that a thread empties. While the collector is
away or slow the oldest spans are dropped, and one line a minute says that some were.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import metadata
from threading import Thread
from time import monotonic
from uuid import uuid4

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import Tracer as ApiTracer

from chassis.config import ConfigError
from chassis.span_attributes import ERROR_TYPE, SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_VERSION
from chassis.tracing import Attributes, Kind, TracingConfig

SPANS_WAITING_MAX = 2048
SPANS_AT_ONCE_MAX = 512
SEND_AGAIN_SECONDS = 1.0
"""A span waits no longer than this for others to be sent with."""

FLUSH_SECONDS_MAX = 0.3
"""What the last spans may take when the process stops, of the ten seconds that it has in all."""

WARN_AGAIN_SECONDS = 60.0
"""A collector is spoken of once in so many seconds. What did not even fit into the queue is not counted."""

FLAGS = 0b11
"""What W3C says of a trace, and is handed on: that it is sampled, and that its id is random."""

_KINDS = {kind: SpanKind[kind.name] for kind in Kind}
_ROOT = Context()

_log = logging.getLogger(__name__)


class ExportedSpan:
    """See :class:`chassis.tracing.Span`."""

    __slots__ = ("_span", "_tracer", "traceparent")

    def __init__(self, tracer: ApiTracer, span: ApiSpan) -> None:
        context = span.get_span_context()
        self._tracer = tracer
        self._span = span
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def child(self, name: str, kind: Kind, attributes: Attributes) -> "ExportedSpan":
        """See the protocol. What is not kept has no parts: it stands for them too."""
        if not self._span.is_recording():
            return self
        return _begin(self._tracer, name, kind, set_span_in_context(self._span, _ROOT), attributes)

    def set(self, attributes: Attributes) -> None:
        """See the protocol."""
        self._span.set_attributes(attributes)

    def rename(self, name: str) -> None:
        """See the protocol."""
        self._span.update_name(name)

    def end(self, fault: str = "") -> None:
        """See the protocol."""
        if fault:
            self._span.set_attribute(ERROR_TYPE, fault)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class ExportingTracer:
    """See :class:`chassis.tracing.Tracer`. Spans go to ``processor`` when they end."""

    is_on = True

    def __init__(self, config: TracingConfig, processor: SpanProcessor) -> None:
        provider = TracerProvider(
            sampler=_sampler(config),
            resource=_resource(config),
            shutdown_on_exit=False,  # that has no bound; open_exporting_tracer has one
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("ordermesh")

    def begin(self, name: str, kind: Kind, traceparent: str, attributes: Attributes) -> ExportedSpan:
        """See the protocol."""
        return _begin(self._tracer, name, kind, _context_of(traceparent) if traceparent else _ROOT, attributes)


@asynccontextmanager
async def open_exporting_tracer(config: TracingConfig) -> AsyncIterator[ExportingTracer]:
    """A tracer that sends its spans to ``config.endpoint``.

    :raises ConfigError: when a key is wrong that the SDK reads by itself (OTEL_EXPORTER_OTLP_TIMEOUT and such).
    """
    try:
        exporter = WatchedExporter(OTLPSpanExporter(endpoint=config.endpoint), config.endpoint)
        processor = BatchSpanProcessor(
            exporter,
            max_queue_size=SPANS_WAITING_MAX,
            max_export_batch_size=SPANS_AT_ONCE_MAX,
            schedule_delay_millis=1000 * SEND_AGAIN_SECONDS,
        )
        tracer = ExportingTracer(config, processor)
    except Exception as error:
        raise ConfigError(f"one of the keys OTEL_* cannot be used: {error}") from error
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a line for each span and batch that is lost
    try:
        yield tracer
    finally:
        await _flush(processor, exporter)


class WatchedExporter(SpanExporter):
    """Sends spans by another exporter, and says in few lines when they do not arrive."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._lost = 0
        self._silent_until = float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them; in a thread of the processor's."""
        result = self._exporter.export(spans)
        has_arrived = result is SpanExportResult.SUCCESS
        if not has_arrived:
            self._lost += len(spans)
        if self._lost and monotonic() >= self._silent_until:
            self._silent_until = monotonic() + WARN_AGAIN_SECONDS
            if has_arrived:
                _log.warning("spans arrive at %s again; at least %d were lost", self._endpoint, self._lost)
                self._lost = 0
            else:
                _log.warning("spans do not arrive at %s; at least %d are lost", self._endpoint, self._lost)
        return result

    def shutdown(self) -> None:
        """Send nothing more; what is under way is cancelled."""
        self._exporter.shutdown()


async def _flush(processor: BatchSpanProcessor, exporter: WatchedExporter) -> None:
    """Send what is left. A thread of its own waits: asyncio's would be waited for, however long it takes."""
    loop = asyncio.get_running_loop()
    flushed = asyncio.Event()

    def flush() -> None:
        processor.shutdown()  # type: ignore[no-untyped-call] # it has no types
        with suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(flushed.set)

    Thread(target=flush, name="spans", daemon=True).start()
    try:
        async with asyncio.timeout(FLUSH_SECONDS_MAX):
            await flushed.wait()
    except TimeoutError:
        _log.warning("the last spans are lost: they did not arrive within %s s", FLUSH_SECONDS_MAX)
        exporter.shutdown()


def _begin(tracer: ApiTracer, name: str, kind: Kind, context: Context, attributes: Attributes) -> ExportedSpan:
    return ExportedSpan(tracer, tracer.start_span(name, context, _KINDS[kind], attributes))


def _context_of(traceparent: str) -> Context:
    _, trace_id, span_id, flags = traceparent.split("-")
    known = TraceFlags(int(flags, 16) & FLAGS)
    parent = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=known)
    return set_span_in_context(NonRecordingSpan(parent), _ROOT)


def _sampler(config: TracingConfig) -> sampling.Sampler:
    name = config.sampler.removeprefix("parentbased_")
    root = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "traceidratio": sampling.TraceIdRatioBased(config.ratio),
    }[name]
    return root if name == config.sampler else sampling.ParentBased(root)


def _resource(config: TracingConfig) -> Resource:
    """The operator's words win, but for the process's name: those that all processes are told are the same."""
    own: dict[str, str] = {SERVICE_NAMESPACE: "ordermesh", SERVICE_INSTANCE_ID: str(uuid4())}
    with suppress(metadata.PackageNotFoundError):
        own[SERVICE_VERSION] = metadata.version("ordermesh")
    return Resource.create({**own, **config.resource, SERVICE_NAME: config.process})

"""Spans of OpenTelemetry's SDK, and collectors that are there, away, or slow.

The collector is in `tests/tracing`, with the tests of whole traces: `tests/tracing/test_collectors.py`.
"""

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from chassis import exported_spans
from chassis.exported_spans import ExportingTracer, WatchedExporter
from chassis.span_attributes import ERROR_TYPE
from chassis.tracing import SAMPLERS, Kind, Span, TracingConfig, spanning

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-00"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def tracer_to(
    exporter: InMemorySpanExporter, sampler: str = "parentbased_always_on", ratio: float = 1.0
) -> ExportingTracer:
    resource = {"service.instance.id": "pod-7", "service.name": "somebody", "team": "shop"}
    config = TracingConfig("orders", "http://nowhere:4317", sampler, ratio, resource)
    return ExportingTracer(config, SimpleSpanProcessor(exporter))


def is_sampled(span: Span) -> bool:
    return bool(int(span.traceparent[-2:], 16) & 1)


def test_a_span_goes_on_in_the_trace_that_caused_it_and_so_do_its_parts(exporter: InMemorySpanExporter) -> None:
    span = tracer_to(exporter).begin("work", Kind.SERVER, SAMPLED, {"rpc.system.name": "grpc"})
    part = span.child("part", Kind.CLIENT, {})
    part.end()
    span.end()

    made = {each.name: each for each in exporter.get_finished_spans()}
    assert span.traceparent.startswith(f"00-{TRACE_ID}-")
    assert f"{made['work'].parent.span_id:016x}" == SPAN_ID  # type: ignore[union-attr] # it has one, or the test fails
    assert f"{made['part'].parent.span_id:016x}" == span.traceparent.split("-")[2]  # type: ignore[union-attr] # it has one, or the test fails
    assert (made["work"].kind.name, dict(made["work"].attributes or {})) == ("SERVER", {"rpc.system.name": "grpc"})
    assert made["work"].status.status_code is StatusCode.UNSET


def test_a_span_that_nobody_caused_begins_a_trace(exporter: InMemorySpanExporter) -> None:
    tracer = tracer_to(exporter)

    first, second = (tracer.begin("work", Kind.SERVER, "", {}) for _ in range(2))

    assert first.traceparent.split("-")[1] != second.traceparent.split("-")[1]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("caused_by", ["", SAMPLED, UNSAMPLED])
def test_which_traces_are_kept_is_what_opentelemetry_says(
    exporter: InMemorySpanExporter, sampler: str, caused_by: str
) -> None:
    kept = {
        "always_on": True,
        "always_off": False,
        "traceidratio": False,
        "parentbased_always_on": caused_by != UNSAMPLED,
        "parentbased_always_off": caused_by == SAMPLED,
        "parentbased_traceidratio": caused_by == SAMPLED,
    }[sampler]

    span = tracer_to(exporter, sampler, ratio=0.0).begin("work", Kind.SERVER, caused_by, {})
    part = span.child("part", Kind.CLIENT, {})
    part.end()
    span.end()

    assert is_sampled(span) is kept
    assert part.traceparent.split("-")[1] == span.traceparent.split("-")[1]
    assert len(exporter.get_finished_spans()) == (2 if kept else 0)


def test_a_ratio_keeps_that_share_of_the_traces(exporter: InMemorySpanExporter) -> None:
    tracer = tracer_to(exporter, "traceidratio", 0.5)

    kept = sum(is_sampled(tracer.begin("work", Kind.SERVER, "", {})) for _ in range(1_000))

    assert 400 < kept < 600  # six standard deviations


def test_the_operators_words_win_but_for_the_processs_name(exporter: InMemorySpanExporter) -> None:
    tracer_to(exporter).begin("work", Kind.SERVER, "", {}).end()

    (span,) = exporter.get_finished_spans()
    said = span.resource.attributes
    assert said["service.name"] == "orders"
    assert (said["service.namespace"], said["service.instance.id"], said["team"]) == ("ordermesh", "pod-7", "shop")


def test_what_is_raised_is_named_by_its_class_and_never_by_its_text(exporter: InMemorySpanExporter) -> None:
    tracer = tracer_to(exporter)

    for refusals in ((), (ValueError,)):
        with pytest.raises(ValueError, match="ada"), spanning(tracer.begin("work", Kind.CONSUMER, "", {}), *refusals):
            raise ValueError("ada@example.com")

    fault, refusal = exporter.get_finished_spans()
    assert (fault.status.status_code, dict(fault.attributes or {})) == (StatusCode.ERROR, {ERROR_TYPE: "ValueError"})
    assert "ada" not in fault.to_json()
    assert (refusal.status.status_code, dict(refusal.attributes or {})) == (StatusCode.UNSET, {})


class Collector(SpanExporter):
    """Answers as a test says."""

    def __init__(self) -> None:
        self.result = SpanExportResult.FAILURE

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.result


def test_a_collector_that_comes_and_goes_is_spoken_of_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(exported_spans, "monotonic", lambda: now)
    collector = Collector()
    exporter, span = WatchedExporter(collector, "http://c:4317"), ReadableSpan("work")

    for second in range(121):
        now = float(second)
        collector.result = SpanExportResult.SUCCESS if second % 2 else SpanExportResult.FAILURE
        exporter.export([span, span])
    now += 60
    collector.result = SpanExportResult.SUCCESS
    exporter.export([span])
    exporter.export([span])

    assert [record.message for record in caplog.records] == [
        "spans do not arrive at http://c:4317; at least 2 are lost",
        "spans do not arrive at http://c:4317; at least 62 are lost",
        "spans do not arrive at http://c:4317; at least 122 are lost",
        "spans arrive at http://c:4317 again; at least 122 were lost",
    ]


def test_without_a_span_what_is_raised_goes_on() -> None:
    with pytest.raises(ValueError, match="a bug"), spanning(None):
        raise ValueError("a bug")

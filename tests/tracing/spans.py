"""Spans as tests look at them, whether the SDK made them or a collector received them, and the tree that they are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

Tree = tuple[str, list["Tree"]]
"""What a span is, as :func:`shape_of` writes it, and what it led to."""


@dataclass(frozen=True)
class SeenSpan:
    """One span and the process that made it. ``parent_id`` is empty for a root."""

    process: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    begin: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    is_error: bool = False
    resource: Mapping[str, Any] = field(default_factory=dict)


def made(spans: Iterable[ReadableSpan]) -> list[SeenSpan]:
    """What an in-memory exporter has."""
    return [_made(span) for span in spans]


def _made(span: ReadableSpan) -> SeenSpan:
    context = span.get_span_context()
    assert context is not None, "it has ended"
    return SeenSpan(
        process=str(span.resource.attributes["service.name"]),
        name=span.name,
        kind=span.kind.name,
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        begin=span.start_time or 0,
        attributes=dict(span.attributes or {}),
        is_error=span.status.status_code is StatusCode.ERROR,
        resource=dict(span.resource.attributes),
    )


def received(resource_spans: Iterable[trace_pb2.ResourceSpans]) -> list[SeenSpan]:
    """What came to a collector."""
    found = []
    for of_resource in resource_spans:
        resource = _values(of_resource.resource.attributes)
        found += [
            SeenSpan(
                process=resource["service.name"],
                name=span.name,
                kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                begin=span.start_time_unix_nano,
                attributes=_values(span.attributes),
                is_error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                resource=resource,
            )
            for scope in of_resource.scope_spans
            for span in scope.spans
        ]
    return found


def trees(spans: Iterable[SeenSpan]) -> list[Tree]:
    """The trees that spans are, each branch in the order in which it began; a span without its parent is a root."""
    spans = sorted(spans, key=lambda span: span.begin)
    known = {span.span_id for span in spans}
    children: defaultdict[str, list[SeenSpan]] = defaultdict(list)
    for span in spans:
        children[span.parent_id if span.parent_id in known else ""].append(span)

    def below(span: SeenSpan) -> Tree:
        return shape_of(span), [below(child) for child in children[span.span_id]]

    return [below(root) for root in children[""]]


def shape_of(span: SeenSpan) -> str:
    """A span in a line: who made it, what it is."""
    return f"{span.process} {span.kind} {span.name.removeprefix('ordermesh.')}{' !' if span.is_error else ''}"


def printed(forest: Sequence[Tree], indent: str = "") -> str:
    """Trees for people, a line a span."""
    return "".join(f"{indent}{shape}\n{printed(children, indent + '   ')}" for shape, children in forest)


def _values(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}

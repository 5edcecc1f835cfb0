"""Traces: which spans there are, and where they go.

A span is a part of the work for one request: the request at the gateway, a call, a message sent and worked on, a mail.
Each is the child of the one that caused it, over processes and over the queue: W3C's ``traceparent`` names it
(https://www.w3.org/TR/trace-context/). A process opens its :class:`Tracer` first and gives it to what begins spans for
work that comes from outside; what that leads to begins children of the current call's span
(:func:`chassis.call.current_call`). So what nobody asked for, a loop of the process's own, has no spans, and tells
those that it calls to make none either.

Without OTEL_EXPORTER_OTLP_ENDPOINT there are no spans, and OpenTelemetry's SDK is not even imported.
"""

import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol, Self
from urllib.parse import unquote

from chassis.config import Environment

SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
SAMPLER_DEFAULT = "parentbased_always_on"

TRACEPARENT_KEY = "traceparent"
"""The name of W3C's header, in metadata and in the attributes of messages."""

_ENDPOINT = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}/?")
"""Without a name and password: those of a collector go into OTEL_EXPORTER_OTLP_HEADERS."""

_ATTRIBUTE_NAME = re.compile(r"[\x21-\x7e]{1,255}")

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Attributes = Mapping[str, str | int]
"""What a span says, by the names in :mod:`chassis.span_attributes`."""


def is_traceparent(text: str) -> bool:
    """Whether ``text`` is a W3C trace context header that names a span."""
    return _TRACEPARENT.fullmatch(text) is not None


def new_traceparent(*, sampled: bool) -> str:
    """A trace that nobody has a span of. Where it is not ``sampled`` none is made for it elsewhere, by default."""
    ids = os.urandom(24).hex()
    return f"00-{ids[:32]}-{ids[32:]}-{'01' if sampled else '00'}"


class Kind(Enum):
    """On which side of what a span is."""

    SERVER = auto()
    CLIENT = auto()
    PRODUCER = auto()
    CONSUMER = auto()


class Span(Protocol):
    """A part of the work for a request, from its beginning until :meth:`end`."""

    traceparent: str
    """What names it to those that it causes."""

    def child(self, name: str, kind: Kind, attributes: Attributes) -> "Span":
        """Begin a part of this one."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Say more about it."""
        ...

    def rename(self, name: str) -> None:
        """Call it something else than at its beginning: more is known by now."""
        ...

    def end(self, fault: str = "") -> None:
        """It is over. ``fault`` names what went wrong, in few different words; empty: nothing, or a refusal."""
        ...


class Tracer(Protocol):
    """Begins a process's spans."""

    is_on: bool
    """Whether there are any."""

    def begin(self, name: str, kind: Kind, traceparent: str, attributes: Attributes) -> Span | None:
        """Begin a span caused from outside, by what ``traceparent`` names; empty: nobody knows, a trace begins here.

        None when there are no spans.
        """
        ...


class NoTracer:
    """See :class:`Tracer`: there are no spans."""

    is_on = False

    def begin(self, name: str, kind: Kind, traceparent: str, attributes: Attributes) -> None:  # noqa: ARG002 - the protocol
        """See the protocol."""
        return


NO_TRACER = NoTracer()


@contextmanager
def spanning(span: Span | None, *refusals: type[Exception]) -> Iterator[None]:
    """Let ``span``, if there is one, last as long as the block.

    What is raised is its fault, by its class alone: a text may hold an address. ``refusals`` are answers, no faults.
    """
    fault = ""
    try:
        yield
    except refusals:
        raise
    except Exception as error:
        fault = type(error).__name__
        raise
    finally:
        if span is not None:
            span.end(fault)


@dataclass(frozen=True)
class TracingConfig:
    """Where a process's spans go, which traces are kept, and who the process is.

    Without ``endpoint`` there are none. ``ratio`` is for the samplers that keep a part of all traces.
    ``resource`` is what the operator says about the process, by OpenTelemetry's names.
    """

    process: str
    endpoint: str = ""
    sampler: str = SAMPLER_DEFAULT
    ratio: float = 1.0
    resource: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, env: Environment, process: str) -> Self:
        """Read OpenTelemetry's own keys; they mean here what they mean everywhere."""
        endpoint = env.optional("OTEL_EXPORTER_OTLP_ENDPOINT") or ""
        is_disabled = (env.optional("OTEL_SDK_DISABLED") or "").lower() == "true"
        if endpoint and not _ENDPOINT.fullmatch(endpoint):
            env.problem("OTEL_EXPORTER_OTLP_ENDPOINT", "must look like http://collector:4317")
        return cls(
            process=process,
            endpoint="" if is_disabled else endpoint,
            sampler=env.choice("OTEL_TRACES_SAMPLER", SAMPLER_DEFAULT, SAMPLERS),
            ratio=_read_ratio(env),
            resource=_read_resource(env),
        )


@asynccontextmanager
async def open_tracer(config: TracingConfig) -> AsyncIterator[Tracer]:
    """The process's tracer; at the end what is left is sent, within a bound.

    :raises ConfigError: when one of the SDK's own keys is wrong.
    """
    if not config.endpoint:
        yield NO_TRACER
        return
    from chassis.exported_spans import open_exporting_tracer  # noqa: PLC0415 - it imports OpenTelemetry's SDK

    async with open_exporting_tracer(config) as tracer:
        yield tracer


def _read_ratio(env: Environment) -> float:
    text = env.optional("OTEL_TRACES_SAMPLER_ARG")
    try:
        ratio = 1.0 if text is None else float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        env.problem("OTEL_TRACES_SAMPLER_ARG", "must be a number from 0 to 1")
        return 1.0
    return ratio


def _read_resource(env: Environment) -> Mapping[str, str]:
    """Pairs ``name=value`` with commas between them, values percent-encoded (as in W3C's baggage)."""
    found: dict[str, str] = {}
    for pair in (env.optional("OTEL_RESOURCE_ATTRIBUTES") or "").split(","):
        name, equals, value = pair.partition("=")
        name = name.strip()
        if equals and _ATTRIBUTE_NAME.fullmatch(name):
            found[name] = unquote(value.strip())
        elif pair.strip():
            env.problem("OTEL_RESOURCE_ATTRIBUTES", "must look like name=value,name=value")
            break
    return found

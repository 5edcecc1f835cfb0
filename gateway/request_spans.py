"""The span of a request: where a trace begins, or goes on where its client began it."""

from collections.abc import Mapping

from chassis.span_attributes import HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE
from chassis.tracing import Kind, Tracer, new_traceparent
from gateway.exchange import NO_ROUTE, Request
from gateway.health import PROBES

SERVER_FAULT = 500

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_OTHER = "_OTHER"
"""The conventions' word for a method that HTTP does not know: a client may write anything there."""

_PROBES = frozenset(path.encode() for path in PROBES)


def begin_span(request: Request, tracer: Tracer) -> None:
    """Begin the request's span, unless it is a probe. Whatever has none has a trace all the same, for logs."""
    call = request.call
    if request.path not in _PROBES:
        call.span = tracer.begin(_method(request), Kind.SERVER, call.traceparent, _attributes(request))
    if call.span is not None:
        call.traceparent = call.span.traceparent
    elif not call.traceparent:
        call.traceparent = new_traceparent(sampled=True)


def end_span(request: Request, status: int | None) -> None:
    """End the request's span. ``status`` is None when nobody was there to be answered."""
    span = request.call.span
    if span is None:
        return
    if request.route != NO_ROUTE:
        span.rename(f"{_method(request)} {request.route}")
        span.set({HTTP_ROUTE: request.route})
    if status is not None:
        span.set({HTTP_RESPONSE_STATUS_CODE: status})
    span.end(str(status) if status is not None and status >= SERVER_FAULT else "")


def _method(request: Request) -> str:
    return request.method if request.method in _METHODS else "HTTP"


def _attributes(request: Request) -> Mapping[str, str]:
    return {HTTP_REQUEST_METHOD: request.method if request.method in _METHODS else _OTHER}

"""What the gateway counts. No value of a label is ever a client's own word: what is unknown is one value."""

from collections.abc import Mapping
from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from gateway.errors import TooManyBodies, TooManyRequests, TooManyStreams
from gateway.exchange import NO_ROUTE, Request

OTHER_METHOD = "other"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_LIMITS: Mapping[type[Exception], str] = {
    TooManyRequests: "requests",
    TooManyBodies: "bodies",
    TooManyStreams: "streams",
}

_SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "ordermesh_gateway_http_requests_total",
    f"Requests answered, by route and status. {NO_ROUTE}: no route; {OTHER_METHOD}: a method that no route has; "
    "499: nobody waited for the answer.",
    ("method", "route", "status"),
)
SECONDS = Histogram(
    "ordermesh_gateway_http_request_seconds",
    "How long requests took, in seconds; those for a stream until it began.",
    ("method", "route"),
    buckets=_SECONDS_BUCKETS,
)
IN_FLIGHT = Gauge("ordermesh_gateway_http_requests_in_flight", "Requests being read or answered; streams too.")
CONNECTIONS = Gauge("ordermesh_gateway_connections", "Connections that clients have open.")
STREAMS = Gauge("ordermesh_gateway_streams", "Streams that are open.")
REFUSED = Counter(
    "ordermesh_gateway_refused_total",
    "What a limit of this process refused: requests, bodies, streams, connections (of which the one that waited "
    "longest had to go), pipelined.",
    ("limit",),
)
HEADS_REFUSED = Counter(
    "ordermesh_gateway_heads_refused_total",
    "What was refused before there was a request, by reason. None of it is among the requests.",
    ("reason",),
)


def observe(request: Request, status: int, seconds: float) -> None:
    """Count a request that is answered, or whose stream begins."""
    method = request.method if request.method in _METHODS else OTHER_METHOD
    requests, times = _series(method, request.route, int(status))
    requests.inc()
    times.observe(seconds)


@cache
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The series of such requests: remembered, there are only so many, and finding them costs as much as counting."""
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(method, route)


def count_refusal(error: Exception) -> None:
    """Count what was raised instead of an answer, if a limit of this process is why."""
    limit = _LIMITS.get(type(error))
    if limit is not None:
        REFUSED.labels(limit).inc()

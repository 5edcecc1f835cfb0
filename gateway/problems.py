"""Errors as RFC 9457 problem documents: the one table from gRPC codes to HTTP."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import grpc

from chassis.errors import DomainError, InvalidArgument, ResourceExhausted, Violation, code_of, read_details
from gateway import jsontext
from gateway.errors import Refusal
from gateway.exchange import Request, Response

_log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS_DEFAULT = 1

STATUS_BY_CODE: Mapping[str, int] = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}
"""As google/rpc/code.proto has it."""

STATUS_BY_REASON: Mapping[str, int] = {
    "OUT_OF_STOCK": 409,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "ORDER_NOT_CANCELLABLE": 409,
    "DEAD_LETTER_BEING_REDRIVEN": 409,
}
"""Where HTTP has a better word than the code's."""

_OWN_WORDS: Mapping[str, str] = {
    "CANCELLED": "the call was cancelled",
    "DEADLINE_EXCEEDED": "the deadline passed before the answer came",
    "UNAVAILABLE": "the service does not answer",
    "UNIMPLEMENTED": "the service does not know this method",
    "RESOURCE_EXHAUSTED": "the call is larger than the service takes",
}
"""What is said when gRPC itself failed: its own text names addresses of the mesh."""

_SNAKE = re.compile(r"\[[^\]]*\]|_([a-z0-9])")


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, before it is written down."""

    status: int
    code: str
    reason: str
    detail: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: Sequence[Violation] = ()
    retry_after_seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


INTERNAL = Problem(500, "INTERNAL", "INTERNAL", "internal error")
"""What is said of an exception that nobody expected."""


def of_error(error: Exception) -> Problem:
    """The problem of whatever was raised. What nobody expected is logged, and told as no more than that."""
    if isinstance(error, grpc.aio.AioRpcError):
        return of_call(error)
    if isinstance(error, DomainError):
        return of_domain(error)
    if isinstance(error, Refusal):
        return of_refusal(error)
    _log.error("an unexpected exception", exc_info=error)
    return INTERNAL


def of_refusal(refusal: Refusal) -> Problem:
    """The problem of a request that the gateway itself refuses."""
    return Problem(refusal.status, refusal.code, refusal.reason, refusal.detail, headers=refusal.headers)


def of_domain(error: DomainError) -> Problem:
    """The problem of an error from the gateway's own checks."""
    code = code_of(error).name
    violations = error.violations if isinstance(error, InvalidArgument) else ()
    seconds = error.retry_after_seconds if isinstance(error, ResourceExhausted) else None
    return Problem(_status(code, error.reason), code, error.reason, error.message, error.metadata, violations, seconds)


def of_call(error: grpc.aio.AioRpcError) -> Problem:
    """The problem of an error that a service answered with, or that kept it from answering."""
    code = error.code().name
    details = read_details(error)
    detail = (error.details() or "") if is_from_a_service(error) else _OWN_WORDS.get(code, "internal error")
    return Problem(
        _status(code, details.reason),
        code,
        details.reason,
        detail,
        details.metadata,
        [Violation(_in_json(violation.field), violation.description) for violation in details.violations],
        details.retry_after_seconds,
    )


def is_from_a_service(error: grpc.aio.AioRpcError) -> bool:
    """Whether a service said it; else gRPC itself failed on the way there."""
    return any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ())


def document(problem: Problem, request: Request) -> bytes:
    """The problem, written down."""
    fields = {
        "type": f"urn:ordermesh:{problem.reason}",
        "title": problem.reason.replace("_", " ").capitalize(),
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path.decode("latin-1"),
        "code": problem.code,
        "reason": problem.reason,
        "metadata": dict(problem.metadata),
        "violations": [{"field": v.field, "description": v.description} for v in problem.violations],
        "request_id": request.call.request_id,
    }
    return jsontext.dump(fields)


def render(problem: Problem, request: Request) -> Response:
    """The answer that says it."""
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    if problem.status == HTTPStatus.UNAUTHORIZED:
        token_sent = b"authorization" in request.headers
        headers.append((b"www-authenticate", b'Bearer error="invalid_token"' if token_sent else b"Bearer"))
    if problem.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        headers.append((b"retry-after", _retry_after(problem.retry_after_seconds)))
    return Response(problem.status, headers, document(problem, request))


def _status(code: str, reason: str) -> int:
    return STATUS_BY_REASON.get(reason) or STATUS_BY_CODE.get(code, 500)


def _retry_after(seconds: float | None) -> bytes:
    whole = RETRY_AFTER_SECONDS_DEFAULT if seconds is None else max(1, math.ceil(seconds))
    return str(whole).encode()


def _in_json(path: str) -> str:
    """A field's path as JSON spells it: ``items[0].unit_price`` becomes ``items[0].unitPrice``."""
    return _SNAKE.sub(lambda match: match[1].upper() if match[1] else match[0], path)

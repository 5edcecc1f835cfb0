"""What operations can answer besides success: by status, with the types of the problem documents."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from chassis.contract import Level
from chassis.errors import CODES, DeadlineExceeded, DomainError, InvalidArgument, ResourceExhausted, Unavailable
from chassis.interceptors.authenticate import AdminRequired, TokenMissing, WrongKindOfCaller
from chassis.rate_limits import RateLimited
from chassis.tokens import TokenExpired, TokenInvalid, TokenRevoked
from gateway import errors
from gateway.openapi.reasons import Reason, named_reason
from gateway.problems import INTERNAL, STATUS_BY_CODE

PROBLEM = "application/problem+json"

Refusals = Sequence[type[DomainError] | type[errors.Refusal]]

_TO_ALL: Refusals = (
    InvalidArgument,
    errors.NotAcceptable,
    ResourceExhausted,
    RateLimited,
    errors.TooManyRequests,
    errors.Stopping,
    Unavailable,
    DeadlineExceeded,
)
_WITH_A_BODY: Refusals = (errors.BodyTimeout, errors.BodyTooLarge, errors.UnsupportedMediaType)
_TO_USERS: Refusals = (TokenMissing, TokenInvalid, TokenExpired, TokenRevoked, WrongKindOfCaller)
_BY_LEVEL: Mapping[int, Refusals] = {
    Level.USER: _TO_USERS,
    Level.ADMIN: (*_TO_USERS, AdminRequired),
}

_UNANSWERED = (
    named_reason("UNAVAILABLE", "UNAVAILABLE", "The service does not answer"),
    named_reason(INTERNAL.code, INTERNAL.reason, "Something that nobody expected"),
)

_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "WwwAuthenticate"},
    429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter"},
}
"""The names of headers, and of their components, by status."""

_PROPERTIES: Mapping[str, Any] = {
    "type": {
        "type": "string",
        "description": "The reason as a URN, for programs.",
        "pattern": "^urn:ordermesh:[A-Z][A-Z0-9_]*$",
    },
    "title": {"type": "string", "description": "The reason in words."},
    "status": {"type": "integer", "description": "The HTTP status.", "minimum": 400, "maximum": 599},
    "detail": {"type": "string", "description": "What happened this time, for people."},
    "instance": {"type": "string", "description": "The path that was asked for."},
    "code": {"type": "string", "description": "The code of gRPC.", "enum": sorted(STATUS_BY_CODE)},
    "reason": {"type": "string", "description": "The reason by itself.", "pattern": "^[A-Z][A-Z0-9_]*$"},
    "metadata": {
        "type": "object",
        "description": "More for programs; what it has depends on the reason.",
        "additionalProperties": {"type": "string"},
    },
    "violations": {
        "type": "array",
        "description": "Everything that is wrong with the request.",
        "items": {
            "type": "object",
            "properties": {
                "field": {"type": "string", "description": "The field's path: `items[0].quantity`."},
                "description": {"type": "string", "description": "What is wrong with it."},
            },
            "required": ["field", "description"],
        },
    },
    "request_id": {"type": "string", "description": "The request's id, to ask about it."},
}

PROBLEM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": _PROPERTIES,
    "required": list(_PROPERTIES),
}

SHARED_HEADERS: Mapping[str, Any] = {
    "RetryAfter": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "example": "1",
    },
    "WwwAuthenticate": {
        "description": "That a bearer token is wanted (RFC 6750).",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer"},
        "example": "Bearer",
    },
}


def problem_responses(level: int, *, has_body: bool, named: Iterable[Reason]) -> dict[str, Any]:
    """The responses of an operation that are problem documents, by status.

    ``level``: who may call; ``named``: the reasons that the method's own comment names.
    """
    refusals = [*_TO_ALL, *(_WITH_A_BODY if has_body else ()), *_BY_LEVEL.get(level, ())]
    reasons = {(reason.status, reason.reason): reason for reason in (*map(_reason_of, refusals), *_UNANSWERED)}
    for reason in named:
        if reason.when or (reason.status, reason.reason) not in reasons:
            reasons[reason.status, reason.reason] = reason
    by_status: dict[int, list[Reason]] = {}
    for reason in reasons.values():
        by_status.setdefault(reason.status, []).append(reason)
    return {str(status): _response(status, by_status[status]) for status in sorted(by_status)}


def _reason_of(refusal: type[DomainError] | type[errors.Refusal]) -> Reason:
    when = " ".join((refusal.__doc__ or "").partition("\n\n")[0].split()).rstrip(".")
    if issubclass(refusal, errors.Refusal):
        return Reason(refusal.code, refusal.reason, when, refusal.status)
    code = next(CODES[cls] for cls in refusal.__mro__ if cls in CODES)
    return named_reason(code.name, refusal.reason, when)


def _response(status: int, reasons: Sequence[Reason]) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{ref}"} for name, ref in _HEADERS.get(status, {}).items()}
    described = [f"- `{reason.reason}`: {reason.when}" if reason.when else f"- `{reason.reason}`" for reason in reasons]
    return {
        "description": "\n".join(described),
        **({"headers": headers} if headers else {}),
        "content": {
            PROBLEM: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {reason.reason: {"value": _example(reason)} for reason in reasons},
            }
        },
    }


def _example(reason: Reason) -> dict[str, Any]:
    is_about_fields = reason.reason == InvalidArgument.reason
    return {
        "type": f"urn:ordermesh:{reason.reason}",
        "title": reason.reason.replace("_", " ").capitalize(),
        "status": reason.status,
        "detail": reason.when or HTTPStatus(reason.status).phrase,
        "instance": "/api/path",
        "code": reason.code,
        "reason": reason.reason,
        "metadata": {},
        "violations": [{"field": "body", "description": "must be an object"}] if is_about_fields else [],
        "request_id": "b5a83848c0534bb4bf746dc41596724d",
    }

"""Errors that callers are meant to see, and the one table that maps them to gRPC.

::

    DomainError                 (abstract; `reason` names what happened, for programs)
    +-- InvalidArgument         INVALID_ARGUMENT      the request itself is wrong: every violation at once
    +-- Unauthenticated         UNAUTHENTICATED       nobody knows who calls
    +-- PermissionDenied        PERMISSION_DENIED     known, and not allowed
    +-- NotFound                NOT_FOUND             also what is not the caller's to see
    +-- AlreadyExists           ALREADY_EXISTS
    +-- FailedPrecondition      FAILED_PRECONDITION   right, but not now
    +-- ResourceExhausted       RESOURCE_EXHAUSTED    too much at once; says when to try again
    +-- Unavailable             UNAVAILABLE           a dependency is down; trying again may help
    +-- DeadlineExceeded        DEADLINE_EXCEEDED     nobody waits for the answer any more

A service derives its own errors from these in its ``errors.py`` and gives each a reason.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "ordermesh"
"""The domain of every ErrorInfo (AIP-193)."""

RETRY_SECONDS_DEFAULT = 1.0

DETAILS_BYTES_MAX = 5_000
"""Details travel in a trailer, and clients refuse trailers over 8 KiB. What does not fit is counted instead."""

MESSAGE_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field: its path in the request, and a sentence."""

    field: str
    description: str


class DomainError(Exception):
    """Something that the caller is told. ``metadata`` is for programs, the message for people."""

    reason: ClassVar[str]

    def __init__(self, message: str, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})


class InvalidArgument(DomainError):
    """The request is wrong, whatever the state of the system. Carries every violation."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[Violation], message: str | None = None) -> None:
        super().__init__(message or "; ".join(f"{v.field} {v.description}" for v in violations))
        self.violations = tuple(violations)


class Unauthenticated(DomainError):
    """Nobody knows who calls."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(DomainError):
    """The caller is known and may not do this."""

    reason = "PERMISSION_DENIED"


class NotFound(DomainError):
    """It does not exist, or the caller may not know that it does."""

    reason = "NOT_FOUND"


class AlreadyExists(DomainError):
    """It exists already."""

    reason = "ALREADY_EXISTS"


class FailedPrecondition(DomainError):
    """The request is right, but the state of the system does not allow it."""

    reason = "FAILED_PRECONDITION"


class ResourceExhausted(DomainError):
    """Too much at once. ``retry_after_seconds`` says when to try again."""

    reason = "OVERLOADED"

    def __init__(
        self,
        message: str,
        retry_after_seconds: float = RETRY_SECONDS_DEFAULT,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, metadata)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(DomainError):
    """Something that is needed does not answer. Trying again may help."""

    reason = "DEPENDENCY_UNAVAILABLE"


class DeadlineExceeded(DomainError):
    """The time for the call is over."""

    reason = "DEADLINE_EXCEEDED"


CODES: Mapping[type[DomainError], grpc.StatusCode] = {
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def code_of(error: DomainError) -> grpc.StatusCode:
    """The gRPC code of an error: that of its nearest ancestor in :data:`CODES`."""
    return next(CODES[cls] for cls in type(error).__mro__ if cls in CODES)


def to_status(error: DomainError) -> grpc.Status:
    """The rich status of an error: exactly one ErrorInfo, and what its kind adds (AIP-193)."""
    code = code_of(error)
    details: list[AnyMessage] = [_packed(_info(error))]
    if isinstance(error, InvalidArgument):
        details.append(_packed(_bad_request(error.violations)))
    if isinstance(error, ResourceExhausted):
        delay = Duration()
        delay.FromMilliseconds(math.ceil(error.retry_after_seconds * 1000))  # never a moment too early
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return rpc_status.to_status(
        status_pb2.Status(code=code.value[0], message=_shortened(error.message), details=details)
    )


def internal_status() -> grpc.Status:
    """What leaves the process for an exception that nobody expected: nothing about it."""
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN)
    code = grpc.StatusCode.INTERNAL.value[0]
    return rpc_status.to_status(status_pb2.Status(code=code, message="internal error", details=[_packed(info)]))


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """What a received error says, decoded."""

    reason: str
    metadata: Mapping[str, str]
    violations: tuple[Violation, ...]
    retry_after_seconds: float | None


def read_details(error: grpc.aio.AioRpcError) -> ErrorDetails:
    """Decode the details of an error that another server answered with.

    An error that is not ours (no ErrorInfo) has its gRPC code's name as reason.
    """
    reason, metadata = error.code().name, {}
    violations: tuple[Violation, ...] = ()
    retry_after_seconds = None
    for detail in _status_details(error):
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest.FromString(detail.value)
            violations = tuple(Violation(v.field, v.description) for v in bad.field_violations)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            delay = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
            retry_after_seconds = delay.seconds + delay.nanos / 1e9
    return ErrorDetails(reason, metadata, violations, retry_after_seconds)


def _status_details(error: grpc.aio.AioRpcError) -> Sequence[AnyMessage]:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            return list(status_pb2.Status.FromString(value).details)
    return ()


def _info(error: DomainError) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    for count, (key, value) in enumerate(error.metadata.items()):
        info.metadata[key] = value
        if info.ByteSize() > DETAILS_BYTES_MAX:
            del info.metadata[key]
            info.metadata["and_more"] = str(len(error.metadata) - count)
            break
    return info


def _bad_request(violations: Sequence[Violation]) -> error_details_pb2.BadRequest:
    bad_request = error_details_pb2.BadRequest()
    for count, violation in enumerate(violations):
        bad_request.field_violations.add(field=violation.field, description=violation.description)
        if bad_request.ByteSize() > DETAILS_BYTES_MAX:
            bad_request.field_violations[-1].field = "and_more"
            bad_request.field_violations[-1].description = f"{len(violations) - count} more fields are wrong"
            break
    return bad_request


def _shortened(message: str) -> str:
    return message if len(message) <= MESSAGE_LENGTH_MAX else f"{message[:MESSAGE_LENGTH_MAX]} ..."


def _packed(
    message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed

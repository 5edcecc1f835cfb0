"""What the gateway itself answers instead of a service.

::

    Refusal                     (abstract; it becomes a problem document, see problems.py)
    +-- UnsoundHead             (abstract; with `Connection: close`)
    |   +-- MalformedRequest    400
    |   +-- LengthRequired      411
    |   +-- ExpectationFailed   417
    |   +-- UnknownCoding       501
    |   +-- VersionNotSupported 505
    +-- ConditionNotSupported   400
    +-- PathNotFound            404
    +-- MethodNotAllowed        405   with `Allow`
    +-- OriginNotAllowed        403
    +-- NotAcceptable           406
    +-- BodyTimeout             408   with `Connection: close`
    +-- BodyTooLarge            413
    +-- UnsupportedMediaType    415   with `Accept`
    +-- BadHandshake            426   with `Connection`, `Upgrade` and `Sec-WebSocket-Version`
    +-- TooManyRequests         503   with `Retry-After`
    +-- TooManyBodies           503   with `Retry-After`
    +-- TooManyStreams          503   with `Retry-After`
    +-- Stopping                503   with `Retry-After`
    ClientGone                  nobody is there to answer
    UnsupportedRule             the contract asks for what the gateway cannot do: it does not start

Wrong fields are `chassis.errors.InvalidArgument`, as in the services. What is no
HTTP at all, or has too long a head or trailers (431), is refused in protocol.py, before there is a request. Who has
made too many requests gets `chassis.rate_limits.RateLimited`.
"""

from collections.abc import Mapping
from typing import ClassVar

from chassis.contract import ContractError


class Refusal(Exception):
    """A request that no service sees. ``code`` is the name of the gRPC code that comes nearest."""

    status: ClassVar[int]
    code: ClassVar[str]
    reason: ClassVar[str]

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})


class UnsoundHead(Refusal):
    """A head that others may read differently than we do: nothing that follows on this connection is sure."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, {"connection": "close"})


class MalformedRequest(UnsoundHead):
    """A head that HTTP/1.1 does not allow."""

    status, code, reason = 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST"


class LengthRequired(UnsoundHead):
    """Nothing says where the body ends."""

    status, code, reason = 411, "INVALID_ARGUMENT", "LENGTH_REQUIRED"


class ExpectationFailed(UnsoundHead):
    """The client waits for something that will not come."""

    status, code, reason = 417, "UNIMPLEMENTED", "EXPECTATION_FAILED"


class UnknownCoding(UnsoundHead):
    """A transfer coding that is not spoken here."""

    status, code, reason = 501, "UNIMPLEMENTED", "TRANSFER_CODING_NOT_IMPLEMENTED"


class VersionNotSupported(UnsoundHead):
    """Another HTTP than 1.1 and 1.0."""

    status, code, reason = 505, "UNIMPLEMENTED", "HTTP_VERSION_NOT_SUPPORTED"


class ConditionNotSupported(Refusal):
    """A write that is only to be done under a condition that is not looked at: done anyway, it could undo another."""

    status, code, reason = 400, "UNIMPLEMENTED", "CONDITION_NOT_SUPPORTED"


class PathNotFound(Refusal):
    """No method of the contract has this path."""

    status, code, reason = 404, "NOT_FOUND", "PATH_NOT_FOUND"


class MethodNotAllowed(Refusal):
    """The path exists, for other HTTP methods."""

    status, code, reason = 405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED"


class OriginNotAllowed(Refusal):
    """A page of another origin wants a WebSocket, which browsers let any page open."""

    status, code, reason = 403, "PERMISSION_DENIED", "ORIGIN_NOT_ALLOWED"


class NotAcceptable(Refusal):
    """The client takes none of what there is."""

    status, code, reason = 406, "INVALID_ARGUMENT", "NOT_ACCEPTABLE"


class BodyTimeout(Refusal):
    """The body does not come, or comes too slowly."""

    status, code, reason = 408, "DEADLINE_EXCEEDED", "REQUEST_TIMEOUT"


class BodyTooLarge(Refusal):
    """More bytes than any request of the contract needs."""

    status, code, reason = 413, "INVALID_ARGUMENT", "BODY_TOO_LARGE"


class UnsupportedMediaType(Refusal):
    """A body that is not plain JSON."""

    status, code, reason = 415, "INVALID_ARGUMENT", "UNSUPPORTED_MEDIA_TYPE"


class BadHandshake(Refusal):
    """An upgrade to WebSocket that is not as RFC 6455 wants it."""

    status, code, reason = 426, "INVALID_ARGUMENT", "UPGRADE_REQUIRED"


class TooManyRequests(Refusal):
    """More requests in flight than this process takes."""

    status, code, reason = 503, "UNAVAILABLE", "OVERLOADED"


class TooManyBodies(Refusal):
    """More large bodies on their way than this process keeps."""

    status, code, reason = 503, "UNAVAILABLE", "OVERLOADED"


class TooManyStreams(Refusal):
    """More open streams than this process keeps."""

    status, code, reason = 503, "UNAVAILABLE", "OVERLOADED"


class Stopping(Refusal):
    """The process ends: before the answer came, or it is asked whether it is ready for more."""

    status, code, reason = 503, "UNAVAILABLE", "STOPPING"


class ClientGone(Exception):
    """The client closed the connection before it had its answer."""


class UnsupportedRule(ContractError):
    """A ``google.api.http`` rule that the gateway does not support. The message names the method."""

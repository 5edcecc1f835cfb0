"""What the protocol answers before there is a request: problem documents, each written once.

They name no request: its id is in the head that was refused.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus

import httptools

from gateway import jsontext
from gateway.security_headers import DEFAULTS

RETRY_AFTER_SECONDS = 1

_VERSION_ERRORS = ("Invalid HTTP version", "Pause on PRI/Upgrade")
"""How the parser says that it is another HTTP, the second of HTTP/2 that begins without being asked for."""

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ]+ HTTP/")


class Refused:
    """``answer`` is what is sent; then the connection is closed. ``reason`` is in it."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str, code: str = "INVALID_ARGUMENT") -> None:
        self.reason = reason
        document = {
            "type": f"urn:ordermesh:{reason}",
            "title": reason.replace("_", " ").capitalize(),
            "status": int(status),
            "detail": detail,
            "code": code,
            "reason": reason,
            "metadata": {},
            "violations": [],
        }
        body = jsontext.dump(document)
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *DEFAULTS,
            (b"connection", b"close"),
        ]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.answer = b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, status.phrase.encode(), head, body)


class StopParsing(Exception):
    """Raised in a callback of the parser: what it has read is refused."""

    def __init__(self, refused: Refused) -> None:
        super().__init__()
        self.refused = refused


def too_large(head_bytes_max: int) -> Refused:
    """For a head, or trailers, above the limit."""
    detail = f"request line and headers have at most {head_bytes_max} bytes, and so have trailers"
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "HEADERS_TOO_LARGE", detail)


MALFORMED = Refused(HTTPStatus.BAD_REQUEST, "MALFORMED_REQUEST", "this is not HTTP/1.1")
HEAD_TIMEOUT = Refused(
    HTTPStatus.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the head did not come in time", "DEADLINE_EXCEEDED"
)
OVERLOADED = Refused(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "OVERLOADED",
    "there are too many connections, or requests on this one",
    "UNAVAILABLE",
)
UNKNOWN_CODING = Refused(
    HTTPStatus.NOT_IMPLEMENTED,
    "TRANSFER_CODING_NOT_IMPLEMENTED",
    "the only Transfer-Encoding is chunked",
    "UNIMPLEMENTED",
)
UNKNOWN_METHOD = Refused(
    HTTPStatus.NOT_IMPLEMENTED, "METHOD_NOT_IMPLEMENTED", "this is no method that HTTP knows", "UNIMPLEMENTED"
)
OTHER_VERSION = Refused(
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    "HTTP_VERSION_NOT_SUPPORTED",
    "HTTP/1.1 and 1.0 are spoken here",
    "UNIMPLEMENTED",
)


def refused_by_parser(error: httptools.HttpParserError, data: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Refused:
    """What the parser means: it was given ``data``, and had read ``headers``."""
    if isinstance(error.__context__, StopParsing):
        return error.__context__.refused
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return UNKNOWN_METHOD if _REQUEST_LINE.match(data) else MALFORMED
    if str(error) in _VERSION_ERRORS:
        return OTHER_VERSION
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if len(codings) == 1 and codings != [b"chunked"] and "`Transfer-Encoding`" in str(error):
        return UNKNOWN_CODING
    return MALFORMED

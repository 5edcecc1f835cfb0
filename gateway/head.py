"""What a request's head must have before anything in it is believed (RFC 9112, sections 3.2 and 6.1; RFC 9110, 10.1.1).

The parser has refused what is no HTTP/1.1 by then. What is refused here closes the connection: the other end, or a
proxy between, may see a request's beginning or end elsewhere than we do.
"""

import re

from gateway.errors import ExpectationFailed, LengthRequired, MalformedRequest, UnknownCoding, VersionNotSupported
from gateway.exchange import Request
from gateway.remembered import remembered

ASTERISK = b"*"

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
"""Without a comma: two headers ``Host`` are joined by one."""


def require_sound_head(request: Request) -> None:
    """Refuse what could be meant in two ways, or asks for what is not done here.

    :raises MalformedRequest: without exactly one good ``Host``; with chunks in HTTP/1.0.
    :raises VersionNotSupported: for any but HTTP/1.0 and 1.1.
    :raises UnknownCoding: for a ``Transfer-Encoding`` other than ``chunked``.
    :raises ExpectationFailed: for an ``Expect`` other than ``100-continue``.
    """
    headers = request.headers
    if request.http_version not in ("1.1", "1.0"):
        raise VersionNotSupported("HTTP/1.1 and 1.0 are spoken here")
    host = headers.get(b"host")
    if not (_is_host(host) if host is not None else request.http_version == "1.0"):
        raise MalformedRequest("there must be one Host header, with a host and perhaps a port")
    coding = headers.get(b"transfer-encoding")
    if coding is not None:
        if request.http_version == "1.0":
            raise MalformedRequest("HTTP/1.0 knows no Transfer-Encoding")
        if coding.lower() != b"chunked":
            raise UnknownCoding("the only Transfer-Encoding is chunked")
    if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise ExpectationFailed("the only expectation is 100-continue")
    if request.path == ASTERISK and request.method != "OPTIONS":
        raise MalformedRequest("* is for OPTIONS only")


def require_framed_body(request: Request) -> None:
    """Refuse a body whose end only the end of the connection would show.

    :raises LengthRequired: in HTTP/1.0 without ``Content-Length``.
    """
    if request.http_version == "1.0" and b"content-length" not in request.headers:
        raise LengthRequired("in HTTP/1.0 a body needs a Content-Length")


@remembered
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None

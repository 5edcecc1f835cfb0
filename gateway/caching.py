"""What caches may do with an answer: ``ETag``, ``If-None-Match``, ``Cache-Control`` and ``Vary``.

A message with a field ``version`` has a tag. It names the version, which every visible change bumps, and a checksum
of the text: who asks decides what is shown (admins see more of an item), and the two must never pass for each
other, whatever a cache makes of ``Vary``. The tag is weak, for gzip changes the bytes and not the meaning.
"""

import re
from http import HTTPStatus
from zlib import crc32

from gateway.errors import ConditionNotSupported
from gateway.exchange import Headers, Request, Response

PUBLIC_SECONDS_MAX = 60
"""What lies outside of the API is public and may be kept by anybody for so long: keys are at most as old elsewhere."""

PRIVATE: Headers = [(b"cache-control", b"no-store")]
"""Somebody's, and told once."""

REVALIDATED: Headers = [(b"cache-control", b"private, no-cache"), (b"vary", b"authorization")]
"""Somebody's, and may be kept by them if they ask before they use it again."""

PUBLIC: Headers = [(b"cache-control", b"public, max-age=%d" % PUBLIC_SECONDS_MAX)]

_READS = frozenset({"GET", "HEAD"})
_CONDITIONS = frozenset({b"if-match", b"if-none-match", b"if-unmodified-since"})
_OF_THE_BODY = frozenset({b"content-type", b"content-encoding", b"content-length"})
_TAG = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def tag(version: int, text: bytes) -> bytes:
    """The value of ``ETag`` for a version and its text."""
    return b'W/"%d-%08x"' % (version, crc32(text))


def require_unconditional(request: Request) -> None:
    """Refuse conditions where they are not looked at: on all but GET and HEAD.

    :raises ConditionNotSupported: for what must not be done when the condition is false (RFC 9110, section 13.1).
    """
    if request.method not in _READS and not _CONDITIONS.isdisjoint(request.headers):
        raise ConditionNotSupported("conditions can be set for GET and HEAD only")


def revalidate(request: Request, response: Response) -> None:
    """Leave the body out when the client says that it has it (RFC 9110, section 13.1.2).

    Caches put the headers that are left in the place of those that they have (RFC 9111, section 4.3.4).
    """
    known = request.headers.get(b"if-none-match")
    if known is None or response.status != HTTPStatus.OK or request.method not in _READS:
        return
    has = next((value for name, value in response.headers if name == b"etag"), None)
    if has is not None and (known == b"*" or has.removeprefix(b"W/") in _TAG.findall(known)):
        response.status, response.body = HTTPStatus.NOT_MODIFIED, b""
        response.headers = [header for header in response.headers if header[0] not in _OF_THE_BODY]


def vary_by(headers: Headers, *names: bytes) -> None:
    """Say that the answer would be another one if these headers of the request were."""
    present = [name for header, value in headers if header == b"vary" for name in value.split(b", ")]
    headers[:] = [header for header in headers if header[0] != b"vary"]
    headers.append((b"vary", b", ".join(dict.fromkeys([*present, *names]))))

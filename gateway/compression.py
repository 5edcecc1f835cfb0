"""gzip of large answers.

Only answers to GET and HEAD: the length of a compressed answer tells something about a secret in it to whoever can
add text of their own (BREACH), and the secrets that we answer with, tokens, are answers to POST.

It is done in the event loop: writing an answer's JSON takes twenty times as long as compressing it.
"""

import zlib
from http import HTTPStatus

from gateway.caching import vary_by
from gateway.exchange import Request, Response
from gateway.negotiation import weight
from gateway.remembered import remembered

COMPRESSED_BYTES_MIN = 1024
"""What is smaller travels in one packet either way."""

LEVEL = 1
"""zlib's fastest: JSON becomes a tenth to a fifth larger than at its usual 6, in half the time."""

_GZIP = 16
"""Added to zlib's window bits it asks for gzip's frame."""

_TYPES = (b"application/json", b"text/")


def depend_on_coding(request: Request, response: Response) -> None:
    """Say of a large text that it comes compressed to some clients."""
    if _is_large_text(request, response):
        vary_by(response.headers, b"accept-encoding")


def compress(request: Request, response: Response) -> None:
    """Compress a large text for a client that takes gzip."""
    if _is_large_text(request, response) and takes_gzip(request.headers.get(b"accept-encoding", b"")):
        packer = zlib.compressobj(LEVEL, wbits=zlib.MAX_WBITS + _GZIP)
        response.body = packer.compress(response.body) + packer.flush()
        response.headers.append((b"content-encoding", b"gzip"))


def _is_large_text(request: Request, response: Response) -> bool:
    if len(response.body) < COMPRESSED_BYTES_MIN or response.status != HTTPStatus.OK:
        return False
    if request.method not in {"GET", "HEAD"}:
        return False
    given = {name: value for name, value in response.headers if name in (b"content-type", b"content-encoding")}
    return b"content-encoding" not in given and given.get(b"content-type", b"").startswith(_TYPES)


@remembered
def takes_gzip(accept_encoding: bytes) -> bool:
    """Whether gzip is acceptable, and no less welcome than the plain text (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in accept_encoding.decode("latin-1").lower().split(","):
        coding, *parameters = [text.strip() for text in part.split(";")]
        weights["gzip" if coding == "x-gzip" else coding] = weight(parameters)
    gzip = weights.get("gzip", weights.get("*", 0.0))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)

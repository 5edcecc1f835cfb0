"""``/api/openapi.json``, and ``/api/docs``: a page to read it and to try it (Swagger UI; nothing is from outside)."""

import zlib
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files

from google.protobuf.descriptor import ServiceDescriptor

from gateway import jsontext
from gateway.compression import takes_gzip
from gateway.exchange import Endpoint, Headers, Request, Response
from gateway.negotiation import JSON
from gateway.openapi.comments import Comments
from gateway.openapi.document import build_document

DOCUMENT_ROUTE = "/api/openapi.json"
PAGE_ROUTE = "/api/docs"

KEPT_SECONDS = 300
"""How long anybody may keep the document and the page without asking again."""

CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page runs its own scripts and talks to its own gateway, and nothing else. Swagger UI's icons are ``data:``."""

_JAVASCRIPT, _CSS = b"text/javascript; charset=utf-8", b"text/css; charset=utf-8"

_ASSETS: Mapping[str, tuple[str, bytes]] = {
    "page.js": ("page.js", _JAVASCRIPT),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", _JAVASCRIPT),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", _CSS),
}
"""What the page loads: its file and its type, by name."""

_GZIP = 16
"""Added to zlib's window bits it asks for gzip's frame."""


class Constant:
    """Answers with bytes that stay the same as long as the process runs, compressed once."""

    takes_body = False

    def __init__(self, route: str, content_type: bytes, body: bytes, headers: Headers | None = None) -> None:
        self.route = route
        self._body = body
        self._compressed = _compressed(body)
        self._headers: Headers = [
            (b"content-type", content_type),
            (b"cache-control", b"public, max-age=%d" % KEPT_SECONDS),
            (b"vary", b"accept-encoding"),
            (b"etag", f'W/"{sha256(body).hexdigest()[:16]}"'.encode()),
            *(headers or ()),
        ]

    async def answer(self, request: Request) -> Response:
        """See :class:`gateway.exchange.Endpoint`."""
        if takes_gzip(request.headers.get(b"accept-encoding", b"")):
            return Response(HTTPStatus.OK, [*self._headers, (b"content-encoding", b"gzip")], self._compressed)
        return Response(HTTPStatus.OK, self._headers, self._body)


def documentation(services: Mapping[str, ServiceDescriptor]) -> list[Endpoint]:
    """The document of services, the page, and what the page loads.

    :raises UnsupportedRule: when the document cannot name every operation.
    :raises MalformedErrors: when a comment's errors cannot be read.
    """
    document = jsontext.dump(build_document(services, Comments.of_the_contract()))
    return [Constant(DOCUMENT_ROUTE, JSON, document), *_page()]


@cache
def _page() -> tuple[Endpoint, ...]:
    policy = [(b"content-security-policy", CONTENT_SECURITY_POLICY)]
    page = Constant(PAGE_ROUTE, b"text/html; charset=utf-8", _read("index.html"), policy)
    assets = [Constant(f"{PAGE_ROUTE}/{name}", kind, _read(path)) for name, (path, kind) in _ASSETS.items()]
    return (page, *assets)


def _read(path: str) -> bytes:
    return files(__package__).joinpath("page").joinpath(path).read_bytes()


def _compressed(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS + _GZIP)
    return packer.compress(body) + packer.flush()

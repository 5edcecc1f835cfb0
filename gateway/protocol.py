"""uvicorn's HTTP/1.1 protocol with a bound on the bytes of a request's head.

uvicorn keeps whatever headers it is sent, 94 MB of them were tried. Here the head that is still coming is
counted as it arrives, and the one that is complete before it is served.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway import jsontext

HEAD_BYTES_MAX = 16 * 1024
"""Request line and headers together."""

_TITLES = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}


class BoundedProtocol(HttpToolsProtocol):
    """Refuses what is too large or no HTTP, with a problem document, and closes the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._pending_bytes = 0
        self._in_head = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless the head has become too large."""
        began_before = self._in_head
        super().data_received(data)
        if began_before and self._in_head and not self.transport.is_closing():
            self._pending_bytes += len(data)
            if self._pending_bytes > HEAD_BYTES_MAX:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """The parser's: a head begins."""
        self._in_head = True
        self._head_bytes = self._pending_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """The parser's: a part of the request line."""
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's: a header."""
        self._head_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The parser's: the head is there."""
        self._in_head = False
        if self._head_bytes > HEAD_BYTES_MAX:
            raise _HeadTooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words are not ours
        """What is sent for everything that the parser or its callbacks refuse."""
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head()
        else:
            self._refuse(400, "MALFORMED_REQUEST", "this is not HTTP/1.1")

    def _refuse_head(self) -> None:
        self._refuse(431, "HEADERS_TOO_LARGE", f"request line and headers have at most {HEAD_BYTES_MAX} bytes")

    def _refuse(self, status: int, reason: str, detail: str) -> None:
        body = jsontext.dump(
            {
                "type": f"urn:ordermesh:{reason}",
                "title": reason.replace("_", " ").capitalize(),
                "status": status,
                "detail": detail,
                "code": "INVALID_ARGUMENT",
                "reason": reason,
                "metadata": {},
                "violations": [],
            }
        )
        head = (
            b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n"
            b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head % (status, _TITLES[status], len(body)) + body)
        self.transport.close()


class _HeadTooLarge(Exception):
    """Stops the parser."""

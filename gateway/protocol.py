"""uvicorn's HTTP/1.1 protocol with a bound on the bytes of a request's head, and of its trailers.

uvicorn keeps whatever headers it is sent, 94 MB of them were tried, and takes the trailers of a chunked body
for more headers. Here headers are counted as they are complete, what is still coming as it arrives, and
trailers are dropped: nothing of ours is sent in them (RFC 9110, section 6.5.1, lets a server do so).
"""

import select
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway import jsontext

HEAD_BYTES_MAX = 16 * 1024
"""Request line and headers together; trailers may have as many again."""

_TITLES = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}


class BoundedProtocol(HttpToolsProtocol):
    """Refuses what is too large or no HTTP, with a problem document, and closes the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._field_bytes = 0
        self._pending_bytes = 0
        self._in_message = self._in_body = False
        self._went_on = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless something other than the body has become too large."""
        self._went_on = False
        super().data_received(data)
        if self._in_message and not self._went_on and not self.transport.is_closing():
            self._pending_bytes += len(data)
            if self._pending_bytes > HEAD_BYTES_MAX:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """The parser's: a head begins."""
        self._in_message, self._in_body = True, False
        self._field_bytes = 0
        self._go_on()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """The parser's: a part of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's: a header, or a trailer."""
        self._count(len(name) + len(value))
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The parser's: the head is there."""
        super().on_headers_complete()
        self._in_body = True
        self._field_bytes = 0
        self._go_on()

    def on_body(self, body: bytes) -> None:
        """The parser's: a part of the body."""
        self._go_on()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser's: the request is there, trailers included."""
        self._in_message = self._in_body = False
        self._go_on()
        super().on_message_complete()

    def shutdown(self) -> None:
        """uvicorn's, when the server stops: close the connection, or leave that to the answer that is still due.

        To uvicorn a connection is idle as well when a part of a head has come, or when a request lies in the
        socket and was not read yet; closed then, it would be dropped without an answer.
        """
        if not self.has_begun_a_head and not _has_unread(self.transport.get_extra_info("socket").fileno()):
            super().shutdown()

    @property
    def has_begun_a_head(self) -> bool:
        """Whether a part of a request's head has come, and the rest has not."""
        return self._in_message and not self._in_body

    def _go_on(self) -> None:
        """Note that what was pending has become something."""
        self._went_on = True
        self._pending_bytes = 0

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > HEAD_BYTES_MAX:
            raise _HeadTooLarge

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words are not ours
        """What is sent for everything that the parser or its callbacks refuse."""
        if self._field_bytes > HEAD_BYTES_MAX:
            self._refuse_head()
        else:
            self._refuse(400, "MALFORMED_REQUEST", "this is not HTTP/1.1")

    def _refuse_head(self) -> None:
        detail = f"request line and headers have at most {HEAD_BYTES_MAX} bytes, and so have trailers"
        self._refuse(431, "HEADERS_TOO_LARGE", detail)

    def _refuse(self, status: int, reason: str, detail: str) -> None:
        if self._may_answer():
            self.transport.write(_problem(status, reason, detail))
        if self._in_body:
            self.cycle.disconnected = True  # whoever answers this request must not add to what was sent
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether what is sent now would be taken for the answer to the request that is refused."""
        if self.pipeline:
            return False
        if self.cycle is None:
            return True
        return not self.cycle.response_started if self._in_body else self.cycle.response_complete


def _has_unread(descriptor: int) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))


def _problem(status: int, reason: str, detail: str) -> bytes:
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
    return head % (status, _TITLES[status], len(body)) + body


class _HeadTooLarge(Exception):
    """Stops the parser."""

"""uvicorn's HTTP/1.1 protocol with bounds: on a head's bytes, on trailers, on what waits for its client.

uvicorn keeps whatever headers it is sent, 94 MB of them were tried, and takes the trailers of a chunked body
for more headers. Here headers are counted as they are complete, what is still coming as it arrives, and
trailers are dropped: nothing of ours is sent in them (RFC 9110, section 6.5.1, lets a server do so).
How long a connection may wait for its client is in :mod:`gateway.connections`, what is refused in
:mod:`gateway.refused`.
"""

import re
import select
from asyncio import BaseTransport
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.body import BODY_BYTES_MAX
from gateway.connections import Connections, Waiting
from gateway.metrics import HEADS_REFUSED, REFUSED
from gateway.refused import HEAD_TIMEOUT, MALFORMED, OVERLOADED, Refused, StopParsing, refused_by_parser, too_large
from gateway.unframed import unframed
from gateway.websocket_protocol import is_handshake

HEAD_BYTES_MAX = 16 * 1024
"""Request line and headers together; trailers may have as many again."""

REST_BYTES_MAX = 4 * BODY_BYTES_MAX
"""What is read and forgotten of a body that was refused; then the connection is closed."""

PIPELINED_REQUESTS_MAX = 16
"""Requests that may wait on one connection behind the one that is being answered."""

PIPELINED_BYTES_MAX = HEAD_BYTES_MAX
"""So much is read behind a request that is being answered; of who sends more it is not seen when they leave."""

_OTHER_TARGET = re.compile(rb"https?://[^/?#@]+/[^#]*|\*", re.IGNORECASE)
"""What a request may be for, beside a path and query: the same with scheme and host before it, and the server as a
whole (RFC 9112, section 3.2)."""

_TOO_LARGE = too_large(HEAD_BYTES_MAX)


class BoundedProtocol(HttpToolsProtocol):
    """Refuses what is too large, too slow or no HTTP, with a problem document, and closes the connection."""

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = connections
        self._waits: Waiting | None = None
        self._field_bytes = 0
        self._pending_bytes = 0
        self._rest_bytes = 0
        self._pipelined_bytes = 0
        self._answered: RequestResponseCycle | None = None
        self._in_message = self._in_body = False
        self._went_on = self._is_refused = self._is_handshake = False

    def connection_made(self, transport: BaseTransport) -> None:
        """A client is there: it is taken in when there is room, or room can be made."""
        super().connection_made(transport)  # type: ignore[arg-type] # a server is given a Transport
        if len(self.connections) > self._waiting.connections_max:
            REFUSED.labels("connections").inc()
            if not self._waiting.find_room():
                self._refuse(OVERLOADED)
                return
        self._wait(self._waiting.requests)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed. uvicorn tells the newest request so, which others may be in front of."""
        self._waiting.forget(self)
        self.pipeline.clear()
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless too much came that cannot be answered yet."""
        if not self._is_refused:
            self._parse(data)
        if self.pipeline and not self.transport.is_closing():
            # uvicorn reads no further here, and so would not see that the client leaves
            self._pipelined_bytes += len(data)
            if self._pipelined_bytes <= PIPELINED_BYTES_MAX:
                self.flow.resume_reading()

    def _parse(self, data: bytes) -> None:
        """Feed the parser, unless something other than the body has become too large."""
        self._went_on = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            return
        except httptools.HttpParserError as error:
            self._refuse(refused_by_parser(error, data, self.headers or ()))
            return
        if self.transport.is_closing():
            return
        if self._in_message and not self._went_on:
            self._pending_bytes += len(data)
            if self._pending_bytes > HEAD_BYTES_MAX:
                self._refuse(_TOO_LARGE)
                return
        if self._in_message:
            self._wait(self._due)

    def on_message_begin(self) -> None:
        """The parser's: a head begins."""
        self._wait(None)
        self._in_message, self._in_body = True, False
        self._field_bytes = self._rest_bytes = 0
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
        if self._waits is not None:
            self._wait(None)
        url = self.url
        if (not url.startswith(b"/") or b"#" in url) and not _OTHER_TARGET.fullmatch(url):
            raise StopParsing(MALFORMED)
        if len(self.pipeline) >= PIPELINED_REQUESTS_MAX:
            REFUSED.labels("pipelined").inc()
            raise StopParsing(OVERLOADED)
        if self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False  # it knows no answers before the answer (RFC 9110, section 10.1.1)
        self._is_handshake = self.parser.should_upgrade() and self._looks_like_handshake()
        super().on_headers_complete()
        self._in_body = True
        self._field_bytes = 0
        self._go_on()
        if self.parser.should_upgrade() and not self._should_upgrade():
            self.cycle.keep_alive = False  # the parser takes nothing for a request that comes behind this one

    def on_body(self, body: bytes) -> None:
        """The parser's: a part of the body."""
        self._go_on()
        if self.cycle.response_complete:
            self._rest_bytes += len(body)
            if self._rest_bytes > REST_BYTES_MAX:
                raise StopParsing(_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser's: the request is there, trailers included."""
        self._in_message = self._in_body = False
        self._go_on()
        super().on_message_complete()
        if self._is_handshake:
            return
        if self.cycle.response_complete:
            self._wait(self._waiting.requests)

    def on_response_complete(self) -> None:
        """uvicorn's, without its timer: the answer is given, the next request can be answered."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._close()
            return
        self._pipelined_bytes = 0
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._in_message:
            self._wait(self._waiting.requests)
        else:
            self._wait(self._due)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """uvicorn's: have a request answered."""
        self._answered = cycle
        super()._start_asgi_task(cycle, app if cycle.scope["http_version"] == "1.1" else unframed(app, cycle))

    def pause_writing(self) -> None:
        """asyncio's: the client does not read."""
        self._waiting.readers.begin(self)
        super().pause_writing()

    def resume_writing(self) -> None:
        """asyncio's: the client has read."""
        if not self.transport.is_closing():
            self._waiting.readers.end(self)
        super().resume_writing()

    def _should_upgrade(self) -> bool:
        """uvicorn's: whether a WebSocket begins; of what is asked for else, HTTP knows no need to do it."""
        return self._is_handshake

    def handle_websocket_upgrade(self) -> None:
        """uvicorn's: hand the connection over."""
        self._waiting.forget(self)
        super().handle_websocket_upgrade()

    def _looks_like_handshake(self) -> bool:
        """Whether this upgrade can be made: nothing else is under way here, and the handshake is sound."""
        if self._get_upgrade() != b"websocket" or self.parser.get_http_version() != "1.1":
            return False
        return not self._is_answering and is_handshake(self.parser.get_method().decode("ascii"), self.url, self.headers)

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

    def give_up(self) -> None:
        """See :class:`gateway.connections.Connection`."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # closing would wait until the client has read
        elif not self.has_begun_a_head:
            self._close()
        elif self._is_answering:  # the rest of a head that came early may be read only when the answer is given
            self._wait(None)
            self._wait(self._waiting.heads)
        else:
            self._refuse(HEAD_TIMEOUT)

    def make_room(self) -> None:
        """See :class:`gateway.connections.Connection`."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self._in_message:
            self._refuse(OVERLOADED)
        else:
            self._close()

    @property
    def _due(self) -> Waiting:
        """What the client still has to send of the request that it has begun."""
        if not self._in_body:
            return self._waiting.heads
        return self._waiting.rests if self.cycle.response_complete else self._waiting.bodies

    def _wait(self, waiting: Waiting | None) -> None:
        """Wait for this now, if not already, and for nothing else of the client."""
        if waiting is not self._waits:
            if self._waits is not None:
                self._waits.end(self)
            if waiting is not None:
                waiting.begin(self)
            self._waits = waiting

    @property
    def _is_answering(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def _go_on(self) -> None:
        """Note that what was pending has become something."""
        self._went_on = True
        self._pending_bytes = 0

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > HEAD_BYTES_MAX:
            raise StopParsing(_TOO_LARGE)

    def _refuse(self, refused: Refused) -> None:
        self._is_refused = True
        HEADS_REFUSED.labels(refused.reason).inc()
        if self._is_answering and not self._in_body:
            self.cycle.keep_alive = False  # answers that are due are given, then the connection is closed
            return
        if self._may_answer():
            self.transport.write(refused.answer)
        if self._in_body:
            self.cycle.disconnected = True  # whoever answers this request must not add to what was sent
        self._close()

    def _may_answer(self) -> bool:
        """Whether what is sent now would be taken for the answer to the request that is refused."""
        return not self._in_body or not (self.pipeline or self.cycle.response_started)

    def _close(self) -> None:
        """Close the connection once the client has read what it was sent, which it must do in time."""
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._waiting.readers.begin(self)


def _has_unread(descriptor: int) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))

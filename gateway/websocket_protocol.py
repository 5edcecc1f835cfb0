"""uvicorn's WebSocket protocol with bounds: on what a client sends, and on how long it may leave something unread.

Clients of ours send nothing but pings, pongs and the close. A message closes the connection with 1008 at its first
frame, so nothing that comes is ever kept. Who does not read is not read either: each ping wants an answer.
"""

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import CloseCode, Frame
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request
from websockets.server import ServerProtocol

from gateway.connections import Connections

MESSAGE_BYTES_MAX = 1024
"""Of one frame; more closes the connection with 1009 before it has come."""

PING_SECONDS = 20.0
"""Every client is pinged so often."""

PONG_SECONDS_MAX = 20.0
"""Who has not answered a ping by then is taken for gone (1011)."""

CLOSE_SECONDS_MAX = 5.0
"""How long a client may take to answer a close."""


def is_handshake(method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request, which wants to be upgraded, is a sound opening handshake (RFC 6455, section 4.2.1).

    It is the library that must take it afterwards, which has narrower limits than HTTP has here.
    """
    if len(headers) > MAX_NUM_HEADERS or len(target) > MAX_LINE_LENGTH - len(b"GET  HTTP/1.1\r\n"):
        return False
    if any(len(name) + len(value) > MAX_LINE_LENGTH - len(b": \r\n") for name, value in headers):
        return False
    if any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers):
        return False
    request = Request(
        target.decode("latin-1"),
        Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]),
        method,
    )
    try:
        ServerProtocol().process_request(request)
    except InvalidHandshake:
        return False
    return True


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Takes no message, keeps nothing that comes, and waits for nobody for ever."""

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = CLOSE_SECONDS_MAX
        self._waiting = connections

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: the connection is closed."""
        self._waiting.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The handshake first. Who sends more before it is answered speaks no WebSocket."""
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.abort()
        else:
            super().data_received(data)

    def handle_text(self, event: Frame) -> None:  # noqa: ARG002 - whatever it is
        """Take no message."""
        self._refuse_message()

    def handle_bytes(self, event: Frame) -> None:  # noqa: ARG002 - as well
        """Take no message."""
        self._refuse_message()

    def handle_cont(self, event: Frame) -> None:
        """Take no part of a message either: its beginning was refused."""

    def pause_writing(self) -> None:
        """asyncio's: the client does not read."""
        super().pause_writing()
        self.transport.pause_reading()
        self._waiting.readers.begin(self)

    def resume_writing(self) -> None:
        """asyncio's: the client has read."""
        if not self.transport.is_closing():
            self._waiting.readers.end(self)
            self.transport.resume_reading()
        super().resume_writing()

    async def send(self, message: Any) -> None:
        """Send an event of the application's; to who is gone nothing is sent."""
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # with a refusal, which uvicorn would then take for a forgotten answer

    def give_up(self) -> None:
        """See :class:`gateway.connections.Connection`."""
        self.transport.abort()

    def make_room(self) -> None:
        """See :class:`gateway.connections.Connection`."""
        self.transport.abort()

    def _refuse_message(self) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        reason = "this stream takes no messages"
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.POLICY_VIOLATION, "reason": reason})
        self.conn.send_close(CloseCode.POLICY_VIOLATION, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

"""Messages as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each message is an event without a name, so that ``EventSource.onmessage`` hears it: ``id`` is its position, ``data``
its ProtoJSON. What goes wrong late is the last event, ``error``, with a problem document as its data; an EventSource
comes again after it and then hears the problem's status. A stream that just ends is over, or to be taken up elsewhere:
who comes again with ``Last-Event-ID`` gets what follows, or 204 when nothing does, which tells an EventSource to stop.
"""

from collections.abc import Mapping
from random import randint

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway import codec, problems
from gateway.exchange import Headers, Request, Send
from gateway.feed import Feed, Over
from gateway.negotiation import EVENT_STREAM
from gateway.rules import Resume
from gateway.violations import BoundedViolations

HEADERS: Headers = [
    (b"content-type", EVENT_STREAM),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events until it has a buffer full
]

HEARTBEAT_SECONDS = 15.0
"""A comment is sent when nothing else was for so long: proxies take a silent connection for a dead one."""

RETRY_MILLISECONDS_MIN = 1000
RETRY_MILLISECONDS_MAX = 3000
"""How long an EventSource waits before it comes again, by chance: a gateway that stops sends all of its streams away
at once, and they must not all be at the next one's door in the same moment."""

_HEARTBEAT = b":\n\n"


def read_last_event_id(
    headers: Mapping[bytes, bytes], resume: Resume | None, message: Message, found: BoundedViolations
) -> None:
    """Let the stream begin behind the last event that an EventSource has seen, whatever its URL says.

    The URL is the one that it was made with; it does not change when the EventSource comes again.
    """
    text = headers.get(b"last-event-id")
    if text and resume is not None:
        codec.merge({resume.after.json_name: text.decode("latin-1")}, message, found)


class EventStream:
    """See :class:`gateway.exchange.Stream`."""

    def __init__(self, feed: Feed, request: Request, position: FieldDescriptor | None) -> None:
        self._feed = feed
        self._request = request
        self._position = position

    async def run(self, send: Send) -> None:
        """See the protocol. A client that does not read holds up what is asked of the service."""
        await send(_part(b"retry: %d\n\n" % randint(RETRY_MILLISECONDS_MIN, RETRY_MILLISECONDS_MAX)))  # noqa: S311 - no secret
        while True:
            try:
                came = await self._feed.next(HEARTBEAT_SECONDS)
                text = self._event(came) if isinstance(came, Message) else _HEARTBEAT
            except Exception as error:
                await send(_part(self._error(error)))
                break
            if came is Over.GONE:
                return
            if isinstance(came, Over):
                break
            await send(_part(text))
        self.close()
        await send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """See the protocol."""
        self._feed.close()

    def _event(self, message: Message) -> bytes:
        data = b"data: %s\n\n" % codec.encode(message)
        if self._position is None:
            return data
        return b"id: %d\n%s" % (getattr(message, self._position.name), data)

    def _error(self, error: Exception) -> bytes:
        return b"event: error\ndata: %s\n\n" % problems.document(problems.of_error(error), self._request)


def _part(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}

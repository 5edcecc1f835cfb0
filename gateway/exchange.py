"""One HTTP request and its answer, as the endpoints see them."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from chassis.call import Call
from chassis.rate_limits import Standing

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

NO_ROUTE = "-"


@dataclass(slots=True)
class Request:
    """What came in. ``values`` are the decoded texts of the template's variables.

    ``body`` is read only for endpoints that take one, and then before they are asked.
    Header names are in lower case; of a header given twice the values are joined by commas. ``standing`` is how the
    client stands under its limit, if there is one and the request was counted. ``subprotocols`` are what the handshake
    of a WebSocket offers; None when it is none.
    """

    method: str
    path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    receive: Receive
    call: Call
    values: tuple[str, ...] = ()
    body: bytes = b""
    body_is_read: bool = False
    http_version: str = "1.1"
    route: str = NO_ROUTE
    standing: Standing | None = None
    subprotocols: Sequence[str] | None = None


class Stream(Protocol):
    """An answer without a foreseeable end."""

    async def run(self, send: Send) -> None:
        """Send everything that follows the head, to the end."""
        ...

    def close(self) -> None:
        """Let go of what it holds, at once; also of a stream that was never run, and of one that is closed."""
        ...


@dataclass(slots=True)
class Response:
    """What goes out. The headers that every answer has are added on the way. A ``stream`` comes instead of a body.

    With the status 101 a WebSocket is opened, with the ``subprotocol``, if any.
    """

    status: int = HTTPStatus.OK
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    stream: Stream | None = None
    subprotocol: str | None = None


class Endpoint(Protocol):
    """Answers the requests of one route."""

    route: str
    """The path template, for logs."""

    takes_body: bool
    """Whether the body is to be read, before :meth:`answer`."""

    async def answer(self, request: Request, /) -> Response:
        """The answer. What is raised becomes a problem document."""
        ...


def header_map(headers: Headers) -> dict[bytes, bytes]:
    """Headers by name; values of the same name are joined as RFC 9110, section 5.2 says."""
    by_name = dict(headers)
    if len(by_name) != len(headers):
        by_name = {}
        for name, value in headers:
            by_name[name] = by_name[name] + b", " + value if name in by_name else value
    return by_name

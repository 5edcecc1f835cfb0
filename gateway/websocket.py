"""Messages over a WebSocket (RFC 6455): each is a text, its ProtoJSON. Clients send none.

How it ends is told by its close code, and by the reason's name:

====  ========================================================================================
1000  no other message will come
1008  the client sent a message (see websocket_protocol.py, which also has 1009 and 1011)
1011  something went wrong here
1012  this process is stopping: connect again, to another one
1013  the service is away or busy: connect again later
44xx  what the service says has the HTTP status 4xx; ``4401``: the token has expired or was revoked
4504  the deadline is over
====  ========================================================================================

Before it is open every refusal is an ordinary answer, with its status and a problem document.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from google.protobuf.message import Message

from gateway import codec, problems
from gateway.credentials import SUBPROTOCOL_PREFIX
from gateway.errors import OriginNotAllowed
from gateway.exchange import Send
from gateway.feed import Feed, Over

SUBPROTOCOL = "ordermesh.v1"
"""The name for what is spoken here. A browser that offers a token as well wants one of the two chosen."""

NORMAL, INTERNAL_ERROR, SERVICE_RESTART, TRY_AGAIN_LATER = 1000, 1011, 1012, 1013
PRIVATE = 4000
"""Above this the codes are each application's own."""

_CODES: Mapping[int, int] = {
    HTTPStatus.INTERNAL_SERVER_ERROR: INTERNAL_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE: TRY_AGAIN_LATER,
    HTTPStatus.TOO_MANY_REQUESTS: TRY_AGAIN_LATER,
}

_ORIGIN = re.compile(rb"(https?)://(.+)")
_PORTS = {b"http": b":80", b"https": b":443"}

AllowsOrigin = Callable[[bytes], bool]
"""Whether pages of another origin are let in."""


def require_origin(headers: Mapping[bytes, bytes], allows: AllowsOrigin) -> None:
    """Refuse pages of other origins, unless they are let in. Programs that are no browsers have no origin.

    Browsers let every page open a WebSocket to anywhere; CORS does not apply (RFC 6455, section 10.2).

    :raises OriginNotAllowed: when the page is not let in.
    """
    origin = headers.get(b"origin")
    if origin is None or allows(origin):
        return
    match = _ORIGIN.fullmatch(origin.lower())
    if match is not None:
        port = _PORTS[match[1]]
        if match[2].removesuffix(port) == headers.get(b"host", b"").lower().removesuffix(port):
            return
    raise OriginNotAllowed("pages of this origin may not open a WebSocket here")


def choose_subprotocol(offered: Sequence[str]) -> str | None:
    """Ours, else the one that brought a token; None when neither was offered."""
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    return next((name for name in offered if name.startswith(SUBPROTOCOL_PREFIX)), None)


class WebSocket:
    """See :class:`gateway.exchange.Stream`. ``is_over``: there is nothing to come from the beginning."""

    def __init__(self, feed: Feed, *, is_over: bool) -> None:
        self._feed = feed
        self._is_over = is_over

    async def run(self, send: Send) -> None:
        """See the protocol. A client that does not read holds up what is asked of the service."""
        end = (NORMAL, "") if self._is_over else await self._tell(send)
        self.close()
        if end is not None:
            code, reason = end
            await send({"type": "websocket.close", "code": code, "reason": reason})

    def close(self) -> None:
        """See the protocol."""
        self._feed.close()

    async def _tell(self, send: Send) -> tuple[int, str] | None:
        """Send the messages; the close code and its reason, or None when nobody is there to hear it."""
        while True:
            try:
                came = await self._feed.next()
                text = codec.encode(came).decode() if isinstance(came, Message) else ""
            except Exception as error:
                problem = problems.of_error(error)
                return _CODES.get(problem.status, PRIVATE + problem.status), problem.reason
            if came is Over.GONE:
                return None
            if came is Over.STOPPING:
                return SERVICE_RESTART, "STOPPING"
            if came is Over.ENDED:
                return NORMAL, ""
            await send({"type": "websocket.send", "text": text})

"""The endpoint of a method that streams: Server-Sent Events, or a WebSocket for whoever asks for one."""

import asyncio
import logging
from http import HTTPStatus
from time import monotonic

import grpc

from chassis.call import DEADLINE_SECONDS_DEFAULT, STREAM_SECONDS_MAX
from chassis.errors import DeadlineExceeded
from chassis.tls import hint
from gateway.credentials import read_credentials
from gateway.errors import BadHandshake
from gateway.event_stream import HEADERS, EventStream, read_last_event_id
from gateway.exchange import Request, Response
from gateway.feed import Feed
from gateway.forward import timeout_seconds
from gateway.incoming import Incoming, Metadata, Proof
from gateway.negotiation import require_event_stream_accepted
from gateway.problems import is_from_a_service
from gateway.rules import Rule
from gateway.streams import Streams
from gateway.upstream import Upstream
from gateway.violations import BoundedViolations
from gateway.websocket import AllowsOrigin, WebSocket, choose_subprotocol, require_origin

_log = logging.getLogger(__name__)

OPEN_SECONDS_MAX = DEADLINE_SECONDS_DEFAULT
"""How long it may take until the service has let a client in."""

_HANDSHAKE = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
"""RFC 9110, section 7.8, and RFC 6455, section 4.4."""


class StreamEndpoint:
    """Answers requests by calling a method that streams. What is wrong is said before the stream begins."""

    def __init__(
        self, rule: Rule, channel: grpc.aio.Channel, proof: Proof, streams: Streams, allows_origin: AllowsOrigin
    ) -> None:
        self._rule = rule
        self._incoming = Incoming(rule, proof)
        self._upstream = Upstream(rule, channel)
        self._streams = streams
        self._allows_origin = allows_origin
        self.route = rule.template.text
        self.takes_body = rule.body is not None

    async def answer(self, request: Request) -> Response:
        """See :class:`gateway.exchange.Endpoint`.

        :raises InvalidArgument: with everything that is wrong with the request.
        :raises grpc.aio.AioRpcError: what the service answered.
        :raises DeadlineExceeded: when it did not answer.
        """
        if request.subprotocols is not None:
            require_origin(request.headers, self._allows_origin)
        elif request.headers.get(b"upgrade", b"").lower() == b"websocket":
            raise BadHandshake("this is no handshake of a WebSocket (RFC 6455, section 4.1)", _HANDSHAKE)
        else:
            require_event_stream_accepted(request.headers)
        feed = self._feed(request)
        try:
            return self._response(request, feed, is_over=not await _opened(feed))
        except BaseException:
            feed.close()
            raise

    def _feed(self, request: Request) -> Feed:
        found = BoundedViolations()
        read_credentials(request, takes_ticket=self._rule.takes_ticket, found=found)
        message = self._incoming.message(request, found)
        read_last_event_id(request.headers, self._rule.resume, message, found)
        prepared = [self._incoming.metadata(request, message, found)]
        seconds = timeout_seconds(request.headers, found, STREAM_SECONDS_MAX, STREAM_SECONDS_MAX)
        found.check()
        request.call.deadline = monotonic() + seconds

        def metadata() -> Metadata:
            return prepared.pop() if prepared else self._incoming.metadata(request, message, found)

        subscription = self._upstream.subscribe(message, metadata, request.call.deadline)
        return Feed(subscription, request.receive, self._streams)

    def _response(self, request: Request, feed: Feed, *, is_over: bool) -> Response:
        if request.subprotocols is not None:
            # A page is not told the status of a handshake: when there is nothing to come, the close code says it.
            socket = WebSocket(feed, is_over=is_over)
            subprotocol = choose_subprotocol(request.subprotocols)
            return Response(HTTPStatus.SWITCHING_PROTOCOLS, stream=socket, subprotocol=subprotocol)
        if is_over:
            feed.close()
            return Response(HTTPStatus.NO_CONTENT)
        position = self._rule.resume.position if self._rule.resume else None
        return Response(HTTPStatus.OK, HEADERS, stream=EventStream(feed, request, position))


async def _opened(feed: Feed) -> bool:
    try:
        async with asyncio.timeout(OPEN_SECONDS_MAX):
            return await feed.open()
    except TimeoutError:
        raise DeadlineExceeded("the service did not answer in time") from None
    except grpc.aio.AioRpcError as error:
        if not is_from_a_service(error):
            _log.warning("the stream could not be opened: %s %s", error.code().name, hint(error.details() or ""))
        raise

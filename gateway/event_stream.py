"""The endpoint of a method that streams: its messages as Server-Sent Events.

See https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from collections.abc import AsyncIterator
from http import HTTPStatus
from time import monotonic
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.call import STREAM_SECONDS_MAX
from chassis.streams import OPEN_KEY
from gateway import codec
from gateway.exchange import Headers, Request, Response
from gateway.incoming import Incoming, Proof
from gateway.rules import Rule
from gateway.violations import BoundedViolations

_HEADERS: Headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class EventStreamEndpoint:
    """Answers requests by calling a method that streams."""

    takes_body = False

    def __init__(self, rule: Rule, channel: grpc.aio.Channel, proof: Proof) -> None:
        method = rule.method
        response_class: type[Message] = GetMessageClass(method.output_type)
        self._incoming = Incoming(rule, proof)
        self._call: Any = channel.unary_stream(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=self._incoming.request_class.SerializeToString,
            response_deserializer=response_class.FromString,
        )
        self.route = rule.template.text

    async def answer(self, request: Request) -> Response:
        """See :class:`gateway.exchange.Endpoint`. What is wrong is said before the stream begins."""
        found = BoundedViolations()
        message = self._incoming.message(request, found)
        metadata = self._incoming.metadata(request, message, found)
        found.check()
        request.call.deadline = monotonic() + STREAM_SECONDS_MAX
        call = self._call(message, timeout=STREAM_SECONDS_MAX, metadata=tuple(metadata))
        first = None
        if not any(key == OPEN_KEY for key, _ in await call.initial_metadata()):
            first = await call.read()
            if first is grpc.aio.EOF:
                return Response(HTTPStatus.NO_CONTENT)
        return Response(HTTPStatus.OK, _HEADERS, stream=_events(call, first))


async def _events(call: Any, first: Message | None) -> AsyncIterator[bytes]:
    try:
        message = first or await call.read()
        while message is not grpc.aio.EOF:
            yield b"data: %s\n\n" % codec.encode(message)
            message = await call.read()
    finally:
        call.cancel()

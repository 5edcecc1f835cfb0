"""The endpoint of one rule of the contract: HTTP to a call, the call's answer to HTTP."""

import asyncio
import logging
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import quote

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.idempotency import REPLAYED_KEY
from chassis.tls import hint
from gateway import caching, codec
from gateway.errors import ClientGone
from gateway.exchange import Receive, Request, Response
from gateway.forward import timeout_seconds
from gateway.incoming import Incoming, Proof
from gateway.negotiation import JSON, require_json_accepted
from gateway.problems import is_from_a_service
from gateway.rules import Rule
from gateway.template import Template, Variable
from gateway.violations import BoundedViolations

_log = logging.getLogger(__name__)

_PRIVATE_PREFIX = "/api"
"""Answers below it are somebody's."""


class RpcEndpoint:
    """Answers requests by calling a method of a service. What can be known before a request is known here."""

    def __init__(self, rule: Rule, channel: grpc.aio.Channel, proof: Proof) -> None:
        method = rule.method
        response_class: type[Message] = GetMessageClass(method.output_type)
        self._incoming = Incoming(rule, proof)
        self._call: Any = channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=self._incoming.request_class.SerializeToString,
            response_deserializer=response_class.FromString,
        )
        self._rule = rule
        kept = caching.REVALIDATED if rule.has_version else caching.PRIVATE
        is_private = rule.template.text.startswith(_PRIVATE_PREFIX)
        self._headers = [(b"content-type", JSON), *(kept if is_private else caching.PUBLIC)]
        self.route = rule.template.text
        self.takes_body = rule.body is not None

    async def answer(self, request: Request) -> Response:
        """See :class:`gateway.exchange.Endpoint`.

        :raises InvalidArgument: with everything that is wrong with the request.
        :raises grpc.aio.AioRpcError: what the service answered.
        :raises ClientGone: when the client left; the call is cancelled.
        """
        require_json_accepted(request.headers)
        found = BoundedViolations()
        message = self._incoming.message(request, found)
        metadata = self._incoming.metadata(request, message, found)
        seconds = timeout_seconds(request.headers, found)
        found.check()
        request.call.deadline = monotonic() + seconds
        call = self._call(message, timeout=seconds, metadata=tuple(metadata))
        return await self._response(call, await _answered(call, request.receive))

    async def _response(self, call: Any, message: Any) -> Response:
        response = Response(HTTPStatus.OK, self._headers, codec.encode(message))
        if self._rule.has_version:
            response.headers = [*response.headers, (b"etag", caching.tag(message.version, response.body))]
        if self._incoming.takes_key:
            replayed = _metadata_value(REPLAYED_KEY, await call.initial_metadata(), await call.trailing_metadata())
            if replayed:
                response.headers = [*response.headers, (REPLAYED_KEY.encode(), replayed.encode())]
        if self._rule.created is not None:
            response.status = HTTPStatus.CREATED
            location = _location(self._rule.created, message)
            response.headers = [*response.headers, (b"location", location.encode())]
        return response


async def _answered(call: Any, receive: Receive) -> Message:
    """The call's answer; when the client leaves first, the call is cancelled."""
    gone = False

    async def watch() -> None:
        """Ends with the exchange: once the answer is sent, ASGI says that the client is gone."""
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = call.cancel()

    watcher = asyncio.create_task(watch())
    try:
        answer: Message = await call
    except asyncio.CancelledError:
        if gone:
            raise ClientGone from None
        watcher.cancel()
        raise
    except grpc.aio.AioRpcError as error:
        if not is_from_a_service(error):
            _log.warning("the call failed on its way: %s %s", error.code().name, hint(error.details() or ""))
        raise
    return answer


def _metadata_value(wanted: str, *sources: Any) -> str:
    return next((value for source in sources for key, value in source or () if key == wanted), "")


def _location(template: Template, message: Message) -> str:
    return "".join(f"/{_segment(segment, message)}" for segment in template.segments)


def _segment(segment: str | Variable, message: Message) -> str:
    if not isinstance(segment, Variable):
        return segment
    value: Any = message
    for name in segment.field_path.split("."):
        value = getattr(value, name)
    return quote(str(value), safe="")

"""The endpoint of one rule of the contract: HTTP to a call, the call's answer to HTTP."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.client_address import ADDRESS_KEY, PROOF_KEY
from chassis.idempotency import METADATA_KEY, REPLAYED_KEY
from chassis.interceptors.begin import REQUEST_ID_KEY, TRACEPARENT_KEY
from chassis.tls import hint
from gateway import codec, jsontext
from gateway.errors import ClientGone
from gateway.exchange import Receive, Request, Response
from gateway.fields import FieldPath, json_path
from gateway.forward import authorization, idempotency_key, timeout_seconds
from gateway.negotiation import JSON, require_json_accepted, require_json_sent
from gateway.problems import is_from_a_service
from gateway.query import put_text, read_query
from gateway.rules import WHOLE_BODY, Rule
from gateway.shapes import BoundedViolations
from gateway.template import Template, Variable

_log = logging.getLogger(__name__)

_KEY_FIELD = "request_id"
_PRIVATE_PREFIX = "/api"
"""Answers below it are somebody's, and no cache may keep them."""

Metadata = list[tuple[str, str]]

Proof = Callable[[], str]
"""Gives the token of the gateway itself, or the empty text: services then do not know for whom it calls."""


class RpcEndpoint:
    """Answers requests by calling a method of a service. What can be known before a request is known here."""

    def __init__(self, rule: Rule, channel: grpc.aio.Channel, proof: Proof) -> None:
        method = rule.method
        response_class: type[Message] = GetMessageClass(method.output_type)
        self._request_class: type[Message] = GetMessageClass(method.input_type)
        self._call: Any = channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=self._request_class.SerializeToString,
            response_deserializer=response_class.FromString,
        )
        self._rule = rule
        self._proof = proof
        self._takes_key = _KEY_FIELD in method.input_type.fields_by_name
        self._bound = frozenset(fields[0].name for fields in rule.variables) | (
            frozenset({rule.body.name})
            if isinstance(rule.body, FieldDescriptor)
            else frozenset(method.input_type.fields_by_name)
            if rule.body == WHOLE_BODY
            else frozenset()
        )
        self._headers = [(b"content-type", JSON)]
        if rule.template.text.startswith(_PRIVATE_PREFIX):
            self._headers.append((b"cache-control", b"no-store"))
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
        message = self._read(request, found)
        metadata = self._metadata(request, message, found)
        seconds = timeout_seconds(request.headers, found)
        found.check()
        request.call.deadline = monotonic() + seconds
        call = self._call(message, timeout=seconds, metadata=tuple(metadata))
        return await self._response(call, await _answered(call, request.receive))

    def _read(self, request: Request, found: BoundedViolations) -> Message:
        message = self._request_class()
        if request.body:
            require_json_sent(request.headers)
            self._read_body(request.body, message, found)
        if request.query:
            codec.merge(read_query(request.query, self._rule.method.input_type, self._bound, found), message, found)
        for fields, text_of_segment in zip(self._rule.variables, request.values, strict=True):
            _bind(message, fields, text_of_segment, found)
        return message

    def _read_body(self, text: bytes, message: Message, found: BoundedViolations) -> None:
        try:
            value = jsontext.load(text)
        except jsontext.MalformedJson as error:
            found.add("body", str(error))
            return
        if isinstance(self._rule.body, FieldDescriptor):
            value = {self._rule.body.json_name: value}
        codec.merge(value, message, found)

    def _metadata(self, request: Request, message: Any, found: BoundedViolations) -> Metadata:
        metadata = [
            (REQUEST_ID_KEY, request.call.request_id),
            (TRACEPARENT_KEY, request.call.traceparent),
            (ADDRESS_KEY, request.call.client_address),
        ]
        if proof := self._proof():
            metadata.append((PROOF_KEY, f"Bearer {proof}"))
        token = authorization(request.headers)
        if token:
            metadata.append(("authorization", token))
        key = idempotency_key(request.headers, found)
        if not key and self._takes_key and not message.request_id:
            key = str(uuid4())  # here, once: gRPC's retries of this call all carry the same
        if key:
            metadata.append((METADATA_KEY, key))
        return metadata

    async def _response(self, call: Any, message: Message) -> Response:
        response = Response(HTTPStatus.OK, self._headers, codec.encode(message))
        if self._takes_key:
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


def _bind(message: Any, fields: FieldPath, text: str, found: BoundedViolations) -> None:
    """Set a field from its segment of the path; a body may repeat it, but not differ."""
    last = fields[-1]
    parent = message
    for field in fields[:-1]:
        parent = getattr(parent, field.name)
    before = getattr(parent, last.name)
    if last.type == FieldDescriptor.TYPE_STRING:
        setattr(parent, last.name, text)
    else:
        values: dict[str, Any] = {}
        put_text(values, fields, text)
        codec.merge(values, message, found)
    if before not in (last.default_value, getattr(parent, last.name)):
        found.add(json_path(fields), "must equal the one in the path")


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

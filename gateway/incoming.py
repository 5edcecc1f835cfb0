"""From an HTTP request to the call of a method: its message, its metadata, how long its caller waits."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.client_address import ADDRESS_KEY, PROOF_KEY
from chassis.idempotency import METADATA_KEY
from chassis.interceptors.begin import REQUEST_ID_KEY
from chassis.tracing import TRACEPARENT_KEY
from gateway import codec, jsontext
from gateway.exchange import Request
from gateway.fields import FieldPath, json_path
from gateway.forward import authorization, idempotency_key
from gateway.negotiation import require_json_sent
from gateway.query import put_text, read_query
from gateway.rules import Rule
from gateway.violations import BoundedViolations

_KEY_FIELD = "request_id"

Metadata = list[tuple[str, str]]

Proof = Callable[[], str]
"""Gives the token of the gateway itself, or the empty text: services then do not know for whom it calls."""


class Incoming:
    """Reads requests of one rule. What can be known before a request is known here."""

    def __init__(self, rule: Rule, proof: Proof) -> None:
        method = rule.method
        self.request_class: type[Message] = GetMessageClass(method.input_type)
        self.takes_key = _KEY_FIELD in method.input_type.fields_by_name
        self._rule = rule
        self._proof = proof
        self._bound = rule.bound

    def message(self, request: Request, found: BoundedViolations) -> Message:
        """The request message; what is wrong with it is added to ``found``."""
        message = self.request_class()
        if request.body:
            require_json_sent(request.headers)
            self._read_body(request.body, message, found)
        if request.query:
            codec.merge(read_query(request.query, self._rule.method.input_type, self._bound, found), message, found)
        for fields, text_of_segment in zip(self._rule.variables, request.values, strict=True):
            _bind(message, fields, text_of_segment, found)
        return message

    def metadata(self, request: Request, message: Any, found: BoundedViolations) -> Metadata:
        """What goes along with the message."""
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
        if not key and self.takes_key and not message.request_id:
            key = str(uuid4())  # here, once: gRPC's retries of this call all carry the same
        if key:
            metadata.append((METADATA_KEY, key))
        return metadata

    def _read_body(self, text: bytes, message: Message, found: BoundedViolations) -> None:
        try:
            value = jsontext.load(text)
        except jsontext.MalformedJson as error:
            found.add("body", str(error))
            return
        if isinstance(self._rule.body, FieldDescriptor):
            value = {self._rule.body.json_name: value}
        codec.merge(value, message, found)


def _bind(message: Any, fields: FieldPath, text: str, found: BoundedViolations) -> None:
    """Set a field from its segment of the path; a body may repeat it, but not differ."""
    last = fields[-1]
    parent = message
    for field in fields:
        oneof = field.containing_oneof
        if oneof is not None and parent.WhichOneof(oneof.name) not in (None, field.name):
            found.add(json_path(fields), "excludes another field that is given")
            return
        if field is not last:
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

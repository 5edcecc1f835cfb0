"""The outermost layer: gives the call its id, its trace, its deadline and the address that it comes from."""

import re
from time import monotonic
from uuid import uuid4

from google.protobuf.message import Message

from chassis.call import DEADLINE_SECONDS_DEFAULT, STREAM_SECONDS_MAX, Call, begin_call
from chassis.client_address import peer_address
from chassis.contract import Method
from chassis.interceptors.chain import Context, Layer, RpcCall
from chassis.tracing import TRACEPARENT_KEY, is_traceparent

REQUEST_ID_KEY = "x-request-id"

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


def new_request_id() -> str:
    """An id for a request that came without one."""
    return uuid4().hex


def is_request_id(text: str) -> bool:
    """Whether a caller's own request id can be used: 1 to 128 visible ASCII characters."""
    return _REQUEST_ID.fullmatch(text) is not None


def begin() -> Layer:
    """Begin the call: everything below can ask :func:`chassis.call.current_call`."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        async def begun(request: bytes, context: Context) -> Message | None:
            begin_call(_call_of(method, context))
            return await call(request, context)

        return begun

    return layer


def _call_of(method: Method, context: Context) -> Call:
    request_id = traceparent = ""
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and is_request_id(value):
            request_id = value
        elif key == TRACEPARENT_KEY and isinstance(value, str) and is_traceparent(value):
            traceparent = value
    remaining = context.time_remaining()
    default_seconds = STREAM_SECONDS_MAX if method.streams else DEADLINE_SECONDS_DEFAULT
    seconds = default_seconds if remaining is None else min(remaining, STREAM_SECONDS_MAX)
    address = peer_address(context.peer())
    return Call(request_id or new_request_id(), traceparent, monotonic() + seconds, client_address=address)

"""Layers around every method of a server, put together once per method."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import DecodeError, Message

from chassis.contract import Method
from chassis.errors import InvalidArgument, Violation

if TYPE_CHECKING:  # grpc's classes are generic in its stubs only
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Context = grpc.aio.ServicerContext
    Handler = grpc.RpcMethodHandler

UnaryCall = Callable[[Any, Context], Awaitable[Message]]
Layer = Callable[[Method, UnaryCall], UnaryCall]
"""Takes the call it stands around and returns the call that stands for both. The request it sees is still bytes."""


class Chain(grpc.aio.ServerInterceptor):
    """Wraps each declared method in ``layers``, the first one outermost.

    The request is parsed inside them all: gRPC would parse it before the first, and answer what cannot
    be parsed with UNKNOWN, unlogged and uncounted.

    Methods that are not declared by our contract (health, reflection) pass untouched.
    """

    def __init__(self, methods: Mapping[str, Method], layers: Sequence[Layer]) -> None:
        self._methods = methods
        self._layers = layers
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Answer the handler of a method, wrapped."""
        path = handler_call_details.method
        wrapped = self._wrapped.get(path)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        method = self._methods.get(path)
        if handler is None or method is None:
            return handler
        parse = cast(Callable[[bytes], Message], handler.request_deserializer)
        call = _parsed(cast(UnaryCall, handler.unary_unary), parse)
        for layer in reversed(self._layers):
            call = layer(method, call)
        wrapped = grpc.unary_unary_rpc_method_handler(call, None, handler.response_serializer)
        self._wrapped[path] = wrapped
        return wrapped


def _parsed(call: UnaryCall, parse: Callable[[bytes], Message]) -> UnaryCall:
    async def parsed(request: bytes, context: Context) -> Message:
        try:
            message = parse(request)
        except DecodeError as error:
            raise InvalidArgument([Violation("request", "is not a message of this method")]) from error
        return await call(message, context)

    return parsed

"""Layers around every method of a server, put together once per method."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import DecodeError, Message

from chassis.contract import Method
from chassis.errors import InvalidArgument, Violation
from chassis.interceptors.tickets import require_ticket_for

if TYPE_CHECKING:  # grpc's classes are generic in its stubs only
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Context = grpc.aio.ServicerContext
    Handler = grpc.RpcMethodHandler

RpcCall = Callable[[Any, Context], Awaitable[Message | None]]
"""Answers a call. That of a method that streams writes its messages to the context, and answers None."""

StreamCall = Callable[[Any, Context], AsyncGenerator[Message, None]]
"""How a servicer writes a method that streams: a generator of its messages."""

Layer = Callable[[Method, RpcCall], RpcCall]
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
        inner = _streamed(cast(StreamCall, handler.unary_stream)) if method.streams else handler.unary_unary
        call = _parsed(method, cast(RpcCall, inner), parse)
        for layer in reversed(self._layers):
            call = layer(method, call)
        handle = grpc.unary_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
        wrapped = handle(cast(Any, call), None, handler.response_serializer)
        self._wrapped[path] = wrapped
        return wrapped


def _parsed(method: Method, call: RpcCall, parse: Callable[[bytes], Message]) -> RpcCall:
    async def parsed(request: bytes, context: Context) -> Message | None:
        try:
            message = parse(request)
        except DecodeError as error:
            raise InvalidArgument([Violation("request", "is not a message of this method")]) from error
        require_ticket_for(method, message)
        return await call(message, context)

    return parsed


def _streamed(stream: StreamCall) -> RpcCall:
    async def streamed(request: Message, context: Context) -> None:
        async with aclosing(stream(request, context)) as messages:
            async for message in messages:
                await context.write(message)

    return streamed

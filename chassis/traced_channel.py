"""A channel whose calls have spans, as parts of the current call's; calls that belong to none have none.

gRPC's interceptors would begin a task for each call, and OpenTelemetry's own do not fit its asyncio: here each method
is wrapped once.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from chassis.call import current_call
from chassis.span_attributes import RPC_RESPONSE_STATUS_CODE, fault_of, of_rpc
from chassis.tracing import TRACEPARENT_KEY, Kind, Span


class TracedChannel(grpc.aio.Channel):
    """Makes spans of the calls over another channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def close(self, grace: float | None = None) -> None:
        """See :class:`grpc.aio.Channel`."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """See :class:`grpc.aio.Channel`."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """See :class:`grpc.aio.Channel`."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """See :class:`grpc.aio.Channel`."""
        await self._channel.channel_ready()

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See :class:`grpc.aio.Channel`."""
        return _Rpc(method, self._channel.unary_unary(method, *args, **kwargs))

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See :class:`grpc.aio.Channel`."""
        return _Rpc(method, self._channel.unary_stream(method, *args, **kwargs))

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See :class:`grpc.aio.Channel`."""
        return _Rpc(method, self._channel.stream_unary(method, *args, **kwargs))

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """See :class:`grpc.aio.Channel`."""
        return _Rpc(method, self._channel.stream_stream(method, *args, **kwargs))


class _Rpc:
    """One method. A call that gRPC repeats by itself is one span, and has several at the service."""

    def __init__(self, path: str, rpc: Any) -> None:
        self._rpc = rpc
        self._name, self._attributes = of_rpc(path)

    def __call__(self, *args: Any, metadata: Sequence[tuple[str, str]] | None = None, **kwargs: Any) -> Any:
        current = current_call()
        if current is None or current.span is None:
            return self._rpc(*args, metadata=metadata, **kwargs)
        span = current.span.child(self._name, Kind.CLIENT, self._attributes)
        others = [(key, value) for key, value in metadata or () if key != TRACEPARENT_KEY]
        call = self._rpc(*args, metadata=(*others, (TRACEPARENT_KEY, span.traceparent)), **kwargs)
        call.add_done_callback(_Ending(span))
        return call


class _Ending:
    """Ends a span with its call."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    def __call__(self, call: Any) -> None:
        code = _code_of(call)
        self._span.set({RPC_RESPONSE_STATUS_CODE: code})
        self._span.end(fault_of(code))


def _code_of(call: Any) -> str:
    """The code of a call that is over: gRPC knows it, and tells it only to who asks with ``await``."""
    try:
        call.code().send(None)
    except StopIteration as answer:
        code: grpc.StatusCode = answer.value
        return code.name
    raise AssertionError("a call that is over has its code")

"""What bounds a call: how many run at once, and how long one may take."""

import asyncio

from google.protobuf.message import Message

from chassis.call import this_call
from chassis.contract import Method
from chassis.errors import DeadlineExceeded, ResourceExhausted
from chassis.interceptors.chain import Context, Layer, RpcCall


def limit_concurrency(calls_max: int, streams_max: int) -> Layer:
    """Refuse at once what is more than ``calls_max`` calls in flight, over all methods together.

    Streams have a limit of their own: they live long and mostly wait. Health checks do not pass here, so an
    overloaded server is still known to be alive.
    """
    calls, streams = _Limit("calls", calls_max), _Limit("streams", streams_max)

    def layer(method: Method, call: RpcCall) -> RpcCall:
        limit = streams if method.streams else calls

        async def limited(request: bytes, context: Context) -> Message | None:
            with limit:
                return await call(request, context)

        return limited

    return layer


class _Limit:
    """Lets so many in at a time."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._in_flight = 0

    def __enter__(self) -> None:
        if self._in_flight >= self._most:
            raise ResourceExhausted(f"more than {self._most} {self._name} in flight")
        self._in_flight += 1

    def __exit__(self, *_: object) -> None:
        self._in_flight -= 1


def keep_deadline() -> Layer:
    """Stop working when nobody waits any more, also for callers that gave no deadline."""

    def layer(method: Method, call: RpcCall) -> RpcCall:
        async def bounded(request: bytes, context: Context) -> Message | None:
            current = this_call()
            remaining = current.remaining_seconds()
            if remaining <= 0:
                raise DeadlineExceeded("the deadline had passed on arrival")
            async with asyncio.timeout(remaining):
                return await call(request, context)

        return bounded

    return layer

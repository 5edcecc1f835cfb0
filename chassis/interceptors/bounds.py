"""What bounds a call: how many run at once, and how long one may take."""

import asyncio

from google.protobuf.message import Message

from chassis.call import current_call
from chassis.contract import Method
from chassis.errors import DeadlineExceeded, ResourceExhausted
from chassis.interceptors.chain import Context, Layer, UnaryCall


def limit_concurrency(calls_max: int) -> Layer:
    """Refuse at once what is more than ``calls_max`` calls in flight, over all methods together.

    Health checks do not pass here, so an overloaded server is still known to be alive.
    """
    in_flight = 0

    def layer(method: Method, call: UnaryCall) -> UnaryCall:
        async def limited(request: bytes, context: Context) -> Message:
            nonlocal in_flight
            if in_flight >= calls_max:
                raise ResourceExhausted(f"more than {calls_max} calls in flight")
            in_flight += 1
            try:
                return await call(request, context)
            finally:
                in_flight -= 1

        return limited

    return layer


def keep_deadline() -> Layer:
    """Stop working when nobody waits any more, also for callers that gave no deadline."""

    def layer(method: Method, call: UnaryCall) -> UnaryCall:
        async def bounded(request: bytes, context: Context) -> Message:
            current = current_call()
            assert current is not None, "the layer `begin` stands outside this one"
            remaining = current.remaining_seconds()
            if remaining <= 0:
                raise DeadlineExceeded("the deadline had passed on arrival")
            async with asyncio.timeout(remaining):
                return await call(request, context)

        return bounded

    return layer

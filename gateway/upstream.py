"""A call that streams, and the calls that go on with it where it broke off.

Services renew their connections, restart, and die; each of that ends a stream with UNAVAILABLE, and none of it is the
client's business. The method says how to go on (``ordermesh.options.v1.resume``): each message has a position, and the
request takes the last one that was seen.
"""

import asyncio
from collections.abc import Callable
from random import uniform
from time import monotonic
from typing import Any, cast

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.background import ALIVE_SECONDS
from chassis.streams import OPEN_KEY, RESUMED_KEY
from gateway.incoming import Metadata
from gateway.rules import Resume, Rule

OPEN_TRIES_MAX = 3
"""Calls until a stream is open, or its client is told why it is not."""

RESUME_TRIES_MAX = 20
"""Calls in a row that bring nothing, until the client is told: about half a minute, longer than a restart takes."""

BACKOFF_SECONDS_MIN = 0.1
BACKOFF_SECONDS_MAX = 2.0
"""Bounds of the wait before a call, which doubles. It is by chance anywhere below: thousands of streams that broke in
the same moment must not come back in the same moment."""

_RESUMED = (RESUMED_KEY, "true")

_BROKEN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
"""What says nothing of the stream but that it broke. What is cancelled here is not asked any more."""

_FULL = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED})
"""The replica that is left is busy; a stream that is open already waits for its place."""


class Upstream:
    """A method that streams."""

    def __init__(self, rule: Rule, channel: grpc.aio.Channel) -> None:
        method = rule.method
        request_class, response_class = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        self.call: Any = channel.unary_stream(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=request_class.SerializeToString,
            response_deserializer=response_class.FromString,
        )
        self.resume = rule.resume

    def subscribe(self, message: Message, metadata: Callable[[], Metadata], deadline: float) -> "Subscription":
        """A stream that is not open yet. ``metadata`` is asked for each call anew: a proof in it does not last."""
        return Subscription(self, message, metadata, deadline)


class Subscription:
    """The messages for one client, in order and each once. ``deadline`` is on the monotonic clock."""

    def __init__(self, upstream: Upstream, message: Message, metadata: Callable[[], Metadata], deadline: float) -> None:
        self._upstream = upstream
        self._message: Any = message
        self._metadata = metadata
        self._deadline = deadline
        self._resume = upstream.resume
        self._seen = getattr(message, self._resume.after.name) if self._resume else 0
        self._call: Any = None
        self._begun = 0.0
        self._first: Message | None = None  # read while the stream was opened
        self._is_open = False
        self._tries = 0

    async def open(self) -> bool:
        """Wait until the service has let the caller in; whether there is anything to come.

        :raises grpc.aio.AioRpcError: why it has not.
        """
        while True:
            try:
                self._begin()
                if any(key == OPEN_KEY for key, _ in await self._answered(self._call.initial_metadata())):
                    self._is_open = True
                    return True
                self._first = await self.next()
            except grpc.aio.AioRpcError as error:
                await self._wait_or_raise(error, OPEN_TRIES_MAX, _BROKEN)
            else:
                return self._first is not None

    async def next(self) -> Message | None:
        """The next message; None when no other one will come.

        :raises grpc.aio.AioRpcError: why none will, when that was not meant.
        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        while True:
            try:
                if self._call is None:
                    self._begin()
                message: Any = await self._answered(self._call.read())
            except grpc.aio.AioRpcError as error:
                if not self._is_open:
                    raise
                await self._wait_or_raise(error, RESUME_TRIES_MAX, _BROKEN | _FULL)
                continue
            if message is grpc.aio.EOF:
                return None
            if self._is_new(message, self._resume):
                self._tries, self._is_open = 0, True
                return cast(Message, message)

    def cancel(self) -> None:
        """Let go of the call; nothing is asked afterwards."""
        if self._call is not None:
            self._call.cancel()

    def _begin(self) -> None:
        metadata = self._metadata()
        if self._is_open:
            metadata.append(_RESUMED)
            if self._resume is not None:
                setattr(self._message, self._resume.after.name, self._seen)
        self._begun = monotonic()
        seconds = max(0.0, self._deadline - self._begun)
        self._call = self._upstream.call(self._message, timeout=seconds, metadata=tuple(metadata))

    def _is_new(self, message: Any, resume: Resume | None) -> bool:
        if resume is None:
            return True
        position = getattr(message, resume.position.name)
        if self._is_open and position <= self._seen:
            return False
        self._seen = position
        return True

    async def _answered(self, answer: Any) -> Any:
        """What the call answers. gRPC raises CancelledError also when it is the other side that cancels."""
        try:
            return await answer
        except asyncio.CancelledError:
            if _is_cancelled() or not self._call.cancelled():
                raise
        raise grpc.aio.AioRpcError(
            grpc.StatusCode.CANCELLED, grpc.aio.Metadata(), grpc.aio.Metadata(), await self._call.details()
        )

    async def _wait_or_raise(
        self, error: grpc.aio.AioRpcError, tries_max: int, transient: frozenset[grpc.StatusCode]
    ) -> None:
        """Wait before the next call, unless the stream cannot go on."""
        if error.code() not in transient or (self._is_open and self._resume is None):
            raise error
        if monotonic() - self._begun > ALIVE_SECONDS:
            self._tries = 0
        self._tries += 1
        if self._tries >= tries_max:
            raise error
        self._call = None
        await asyncio.sleep(uniform(0, min(BACKOFF_SECONDS_MIN * 2**self._tries, BACKOFF_SECONDS_MAX)))  # noqa: S311 - no secret


def _is_cancelled() -> bool:
    """Whether it is the running task that somebody cancels."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0

"""What a client that watches is told next: a message, that nothing came, or why nothing comes any more."""

import asyncio
from enum import Enum
from typing import Any

from google.protobuf.message import Message

from gateway.errors import ClientGone, Stopping
from gateway.exchange import Receive
from gateway.streams import Streams
from gateway.upstream import Subscription


class Over(Enum):
    """Why a stream has ended, when nothing went wrong."""

    ENDED = "no other message will come"
    GONE = "the client is gone"
    STOPPING = "this process is stopping"


class Feed:
    """One client's subscription, watched together with the client and the process."""

    def __init__(self, subscription: Subscription, receive: Receive, streams: Streams) -> None:
        self._subscription = subscription
        self._receive = receive
        self._streams = streams
        self._reading: asyncio.Future[Message | None] | None = None
        self._over: asyncio.Future[Over] = asyncio.get_running_loop().create_future()
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> bool:
        """Wait until the client is let in; whether there is anything to come.

        :raises grpc.aio.AioRpcError: what the service answered instead.
        :raises TooManyStreams: when as many are open as may be.
        :raises ClientGone: when the client leaves meanwhile.
        :raises Stopping: when the process does.
        """
        self._streams.begin(self._stop)
        self._watching = asyncio.create_task(self._watch())
        opening = asyncio.ensure_future(self._subscription.open())
        try:
            await _first_of(opening, self._over)
            if opening.done():
                return opening.result()
        finally:
            opening.cancel()
        if self._over.result() is Over.GONE:
            raise ClientGone
        raise Stopping(Over.STOPPING.value)

    async def next(self, patience_seconds: float | None = None) -> Message | Over | None:
        """The next message, or why there is none; None when nothing came for so long.

        :raises grpc.aio.AioRpcError: what went wrong.
        """
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._subscription.next())
        await _first_of(self._reading, self._over, timeout_seconds=patience_seconds)
        if self._over.done():
            return self._over.result()
        if not self._reading.done():
            return None
        reading, self._reading = self._reading, None
        message = reading.result()
        return Over.ENDED if message is None else message

    def close(self) -> None:
        """Let go of the call and of the place among the streams."""
        self._streams.forget(self._stop)
        tasks = (self._watching, self._reading)
        self._watching = self._reading = None  # their tracebacks lead back here
        for task in tasks:
            if task is not None:
                task.add_done_callback(_forget)
                task.cancel()
        self._subscription.cancel()

    async def _watch(self) -> None:
        """Ask for the client's events for as long as it is there. What else it says changes nothing."""
        while not (await self._receive())["type"].endswith(".disconnect"):
            pass
        self._end(Over.GONE)

    def _stop(self) -> None:
        self._end(Over.STOPPING)

    def _end(self, why: Over) -> None:
        if not self._over.done():
            self._over.set_result(why)


async def _first_of(*futures: asyncio.Future[Any], timeout_seconds: float | None = None) -> None:
    await asyncio.wait(futures, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)


def _forget(task: asyncio.Future[Any]) -> None:
    """Look at the outcome that nobody waits for any more, else asyncio complains."""
    if not task.cancelled():
        task.exception()

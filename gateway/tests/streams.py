"""Scripts for a backend's stream, and clients that watch it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
import httpx

from chassis.errors import Unavailable
from chassis.streams import open_stream
from gateway.tests.backend import Backend
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2

PATIENCE_SECONDS = 15
ORDER_ID = "0123456789abcdef0123456789abcdef"
PATH = f"/api/orders/{ORDER_ID}/events"
LAST_VERSION = 3

Script = Callable[[Any, Any], AsyncIterator[Any]]


def order(version: int) -> orders_pb2.Order:
    return orders_pb2.Order(order_id=ORDER_ID, version=version)


class Watched:
    """An order whose versions a test makes one by one; whoever watches it is sent all that follow theirs.

    ``breaks`` are raised, one by each call that has sent something, when it has sent what there is.
    """

    def __init__(self, breaks: Iterable[Exception] = ()) -> None:
        self.breaks = list(breaks)
        self.begun, self.left = asyncio.Event(), asyncio.Event()
        self._version = 0
        self._moved = asyncio.Condition()

    async def move(self, version: int = 0) -> None:
        """Make the next version, or all up to this one."""
        async with self._moved:
            self._version = version or self._version + 1
            self._moved.notify_all()

    async def __call__(self, request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            sent = request.after_version
            if sent >= LAST_VERSION:
                return
            await open_stream(context)
            self.begun.set()
            while sent < LAST_VERSION:
                while sent < self._version:
                    sent += 1
                    yield order(sent)
                if self.breaks and sent > request.after_version:
                    raise self.breaks.pop(0)
                if sent < LAST_VERSION:
                    async with self._moved:
                        await self._moved.wait()
        finally:
            self.left.set()


def broken() -> Exception:
    return Unavailable("this replica goes")


def of(*messages: Any, error: Exception | None = None) -> Script:
    """A stream of these messages, which then fails or ends."""

    async def script(_request: Any, _context: Any) -> AsyncIterator[Any]:
        for message in messages:
            yield message
        if error is not None:
            raise error

    return script


def in_turn(*scripts: Script) -> Script:
    """Each call has the next of these, and the last one again and again."""
    left = list(scripts)

    def script(request: Any, context: Any) -> AsyncIterator[Any]:
        return (left.pop(0) if len(left) > 1 else left[0])(request, context)

    return script


def refused(code: grpc.StatusCode) -> Script:
    """A stream that gRPC itself ends, with no word from the service."""

    async def script(_request: Any, context: Any) -> AsyncIterator[Any]:
        await context.abort(code, "10.0.0.7: gone")
        yield order(1)

    return script


def events(text: str) -> list[dict[str, str]]:
    """What an EventSource makes of a stream: the fields of each block; comments are under the empty name."""
    return [dict(map(_field, block.split("\n"))) for block in text.split("\n\n") if block]


def _field(line: str) -> tuple[str, str]:
    name, separator, value = line.partition(": ")
    return (name, value) if separator else ("", line)


def versions(text: str) -> list[int]:
    """The versions that came, each as the event's id and in its data."""
    found = [(int(event["id"]), json.loads(event["data"])["version"]) for event in events(text) if "id" in event]
    assert all(event_id == version for event_id, version in found)
    return [version for version, _ in found]


class Reader:
    """An open stream, read event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def event(self) -> dict[str, str]:
        """The next block, a comment too."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            lines: list[str] = []
            async for line in self._lines:
                if not line:
                    return events("\n".join(lines))[0]
                lines.append(line)
        raise EOFError

    async def version(self) -> int:
        """The version of the next message."""
        while "id" not in (event := await self.event()):
            pass
        return int(event["id"])

    async def rest(self) -> list[dict[str, str]]:
        """What comes until the end."""
        found = []
        try:
            while True:
                found.append(await self.event())
        except EOFError:
            return found


@asynccontextmanager
async def watching(client: httpx.AsyncClient, path: str = PATH, **headers: str) -> AsyncIterator[Reader]:
    """An open stream of events."""
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        yield Reader(response)


@contextmanager
def connected(url: str, request: bytes) -> Iterator[socket.socket]:
    """A client that has sent something and reads by hand, blocking."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as client:
        client.sendall(request)
        yield client


@contextmanager
def deaf(url: str, request: bytes) -> Iterator[socket.socket]:
    """A client that sends and does not read, with the smallest window there is."""
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.connect((host, int(port)))
        client.sendall(request)
        yield client


def customer(backend: Backend, user: str = "ada") -> dict[str, str]:
    return {"authorization": f"Bearer {backend.issuer.user(user)}"}

"""Clients that keep a connection waiting: for how long, and who makes room for whom."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway import connections as bounds
from gateway.connections import Connections, Waiting, allow_descriptors
from gateway.protocol import PIPELINED_BYTES_MAX, REST_BYTES_MAX, BoundedProtocol
from gateway.tests.backend import exchange, listening
from gateway.tests.endpoints import Page, Slow, gateway_of

PATIENCE_SECONDS = 20
SOON = 0.05
PAGE_BYTES = 20_000_000
REQUEST = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
LAST_REQUEST = REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


class Client:
    """A connection whose bytes a test sends one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answered(self) -> bytes:
        """An answer of ``/slow``."""
        return await asyncio.wait_for(self._reader.readuntil(b"done"), PATIENCE_SECONDS)

    async def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        try:
            return await asyncio.wait_for(self._reader.read(), PATIENCE_SECONDS)
        except ConnectionResetError:
            return b"(reset)"

    def close(self) -> None:
        self._writer.close()


class House:
    """A gateway with few connections or little patience, and its clients."""

    def __init__(self, url: str, slow: Slow) -> None:
        self.url, self.slow = url, slow
        self._clients: list[Client] = []

    async def enter(self, data: bytes = b"") -> Client:
        host, port = self.url.removeprefix("http://").split(":")
        client = Client(*await asyncio.open_connection(host, int(port)))
        self._clients.append(client)
        await client.send(data)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


@asynccontextmanager
async def house(connections: Connections, *, is_slow: bool = False) -> AsyncIterator[House]:
    slow = Slow()
    if not is_slow:
        slow.go_on.set()
    page = Page(b"x" * PAGE_BYTES)
    async with listening(gateway_of(slow, page), connections) as url:
        house = House(url, slow)
        yield house
        slow.go_on.set()
        house.close()


@pytest.fixture(autouse=True)
def sweeps_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SWEEP_SECONDS", SOON)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0)


async def test_a_head_that_does_not_come_in_time_is_refused() -> None:
    async with house(Connections(head_seconds=SOON)) as here:
        client = await here.enter(REQUEST[:-5])

        answer = await client.rest()

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"reason":"REQUEST_TIMEOUT"' in answer


async def test_a_head_that_drips_is_refused_all_the_same() -> None:
    async with house(Connections(head_seconds=0.2)) as here:
        client = await here.enter(REQUEST[:-4])
        answering = asyncio.create_task(client.rest())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not answering.done():
                await client.send(b"\r\nx: y")
                await asyncio.sleep(SOON)

    assert answering.result().startswith((b"HTTP/1.1 408 ", b"(reset)"))


async def test_a_second_request_has_its_own_time() -> None:
    async with house(Connections(head_seconds=SOON)) as here:
        client = await here.enter(REQUEST)
        await client.answered()
        await client.send(REQUEST[:9])

        answer = await client.rest()

    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_came_early_waits_for_the_answer_before_it() -> None:
    connections = Connections(head_seconds=SOON)
    async with house(connections, is_slow=True) as here:
        client = await here.enter(REQUEST + REQUEST[:9])
        await until(lambda: len(connections.heads) == 1)
        begun = since(connections.heads)
        await until(lambda: since(connections.heads) > begun)  # its time was over
        here.slow.go_on.set()

        first, second = await client.answered(), await client.rest()

    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 408 ")


async def test_of_what_comes_early_no_more_is_read_than_a_head_may_have() -> None:
    connections = Connections()
    async with house(connections, is_slow=True) as here:
        head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (2 * PIPELINED_BYTES_MAX)
        await here.enter(REQUEST + head + b"x" * PIPELINED_BYTES_MAX)
        await until(lambda: len(connections.bodies) == 1)
        _, protocol = connections.bodies.longest() or (0.0, None)

        assert isinstance(protocol, BoundedProtocol)
        await until(lambda: protocol.flow.read_paused)


def since(waiting: Waiting) -> float:
    longest = waiting.longest()
    return longest[0] if longest else 0.0


@pytest.mark.parametrize("sent", [b"", b"\r\n", REQUEST])
async def test_a_connection_that_is_idle_for_too_long_is_closed(sent: bytes) -> None:
    async with house(Connections(idle_seconds=SOON)) as here:
        client = await here.enter(sent)

        answer = await client.rest()

    assert answer.count(b"HTTP/1.1 ") == (1 if sent == REQUEST else 0)


async def test_a_request_that_takes_long_is_not_idle() -> None:
    connections = Connections(idle_seconds=SOON, head_seconds=SOON, rest_seconds=SOON)
    async with house(connections, is_slow=True) as here:
        client = await here.enter(LAST_REQUEST)
        await asyncio.wait_for(here.slow.reached.wait(), PATIENCE_SECONDS)
        silent = await here.enter()
        silence = await silent.rest()  # now anything took too long that began before it
        here.slow.go_on.set()

        answer = await client.rest()

    assert (silence, answer[:13]) == (b"", b"HTTP/1.1 200 ")


async def test_the_rest_of_a_refused_body_is_waited_for_a_while_only() -> None:
    async with house(Connections(rest_seconds=SOON)) as here:
        client = await here.enter(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")

        answer = await client.rest()

    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_refused_body_without_an_end_is_not_read_for_ever() -> None:
    async with house(Connections()) as here:
        client = await here.enter(b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        answering = asyncio.create_task(client.rest())
        with pytest.raises(ConnectionError):
            await send_chunks(client, 100 * REST_BYTES_MAX)

        answer = await answering

    assert answer.startswith((b"HTTP/1.1 413 ", b"(reset)"))


async def send_chunks(client: Client, size: int) -> None:
    for _ in range(size // 0x10000):
        await client.send(b"10000\r\n" + b"y" * 0x10000 + b"\r\n")
        await asyncio.sleep(0)  # the server lives in the same loop


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    connections = Connections(unread_seconds=SOON)
    async with house(connections) as here:
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.connect(("127.0.0.1", int(here.url.rpartition(":")[2])))
            lazy.sendall(b"GET /page HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            await until(lambda: len(connections.readers) == 1)

            await until(lambda: len(connections.readers) == 0)

            lazy.setblocking(False)
            assert await received_bytes(lazy) < PAGE_BYTES, "what the kernel had, and no more"


async def received_bytes(client: socket.socket) -> int:
    """How much comes until the connection is closed."""
    received = 0
    while data := await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 65536), PATIENCE_SECONDS):
        received += len(data)
    return received


async def test_who_waits_longest_makes_room_for_the_next() -> None:
    connections = Connections(3)
    async with house(connections) as here:
        half = await here.enter(REQUEST[:9])
        await until(lambda: len(connections.heads) == 1)
        silent = await here.enter()
        idle = await here.enter(REQUEST)
        await idle.answered()

        fourth = await here.enter(REQUEST)
        fifth = await here.enter(REQUEST)

        assert (await fourth.answered()).startswith(b"HTTP/1.1 200 ")
        assert (await fifth.answered()).startswith(b"HTTP/1.1 200 ")
        assert b'"reason":"OVERLOADED"' in await half.rest()
        assert await silent.rest() == b""
        await idle.send(LAST_REQUEST)
        assert (await idle.rest()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (REQUEST[:9], b"HTTP/1.1 503 "),
        (b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc", b"HTTP/1.1 503 "),
        (b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 999999\r\n\r\nabc", b"HTTP/1.1 413 "),
    ],
)
async def test_nobody_keeps_others_out_by_being_waited_for(sent: bytes, answer: bytes) -> None:
    connections = Connections(2)
    async with house(connections) as here:
        waiting = [await here.enter(sent) for _ in range(2)]
        await until(lambda: sum(map(len, waiting_in(connections))) == 2)

        others = [await exchange(here.url, LAST_REQUEST) for _ in range(3)]

        assert [other[:13] for other in others] == [b"HTTP/1.1 200 "] * 3
        assert (await waiting[0].rest())[:13] == answer


def waiting_in(connections: Connections) -> list[Waiting]:
    """Where connections of these tests wait that have sent all that they will."""
    silent, half = connections.requests, (connections.heads, connections.bodies, connections.rests)
    return [silent] if len(silent) == 2 else [*half]


async def test_when_everybody_is_being_answered_the_next_is_sent_away() -> None:
    async with house(Connections(2), is_slow=True) as here:
        busy = [await here.enter(LAST_REQUEST) for _ in range(2)]
        await asyncio.wait_for(here.slow.reached.wait(), PATIENCE_SECONDS)
        await until(lambda: here.slow.waiting == 2)

        refusal = await exchange(here.url, LAST_REQUEST)
        here.slow.go_on.set()

        assert refusal.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nretry-after: 1\r\n" in refusal
        assert [(await client.rest())[:13] for client in busy] == [b"HTTP/1.1 200 "] * 2


async def test_what_is_closed_is_forgotten() -> None:
    connections = Connections()
    async with house(connections) as here:
        clients = [await here.enter(sent) for sent in (b"", REQUEST[:9], REQUEST)]
        await until(lambda: (len(connections.requests), len(connections.heads)) == (2, 1))

        for client in clients:
            client.close()

        await until(lambda: (len(connections.requests), len(connections.heads)) == (0, 0))


def test_the_process_may_open_as_many_files_as_its_connections_need(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, 5000)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.append(new))

    assert allow_descriptors(4096) == 4096
    assert limits[-1] == (4096 + bounds.DESCRIPTORS_OTHER, 5000)
    assert allow_descriptors(10_000) == 5000 - bounds.DESCRIPTORS_OTHER
    assert limits[-1] == (5000, 5000)

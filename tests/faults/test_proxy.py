"""The proxy passes everything on, and does to it what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import pytest
import uvloop

from deploy.local.ports import HOST, free_ports
from tests.faults.rig.proxy import KEPT_BYTES_MAX, TcpProxy, open_proxy

PATIENCE_SECONDS = 20.0
QUIET_SECONDS = 0.05
"""So long a test looks at what must not happen."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Upstream:
    """Echoes what it gets while it answers, and keeps the connections that it has."""

    port: int = 0
    answers: bool = True
    received: bytearray = field(default_factory=bytearray)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while chunk := await reader.read(65_536):
                self.received += chunk
                if self.answers:
                    writer.write(chunk)
                    await writer.drain()
        except ConnectionError:
            pass  # the proxy cut it
        finally:
            self.writers.discard(writer)
            writer.close()


@asynccontextmanager
async def open_upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, HOST, 0)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with open_upstream() as upstream:
        yield upstream


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[TcpProxy]:
    async with open_proxy(HOST, upstream.port, Random(7)) as proxy:
        yield proxy
    await until(lambda: not upstream.writers)


async def connect(proxy: TcpProxy) -> Stream:
    return await asyncio.open_connection(HOST, proxy.port)


async def ask(stream: Stream, words: bytes) -> bytes:
    reader, writer = stream
    writer.write(words)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await reader.readexactly(len(words))


async def is_closed(stream: Stream) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await stream[0].read(1) == b""
    except ConnectionError:
        return True


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


async def test_bytes_go_both_ways(proxy: TcpProxy) -> None:
    stream = await connect(proxy)
    words = bytes(range(256)) * 8_192

    assert await ask(stream, b"hello") == b"hello"
    assert await ask(stream, words) == words


async def test_a_side_that_closes_closes_the_other(proxy: TcpProxy, upstream: Upstream) -> None:
    first, second = [await connect(proxy) for _ in range(2)]
    await ask(first, b"a")
    first[1].close()
    await until(lambda: proxy.connections == len(upstream.writers) == 1)

    await ask(second, b"b")
    upstream.writers.pop().close()

    assert await is_closed(second)
    await until(lambda: proxy.connections == 0)


async def test_what_was_sent_before_closing_arrives(proxy: TcpProxy, upstream: Upstream) -> None:
    stream = await connect(proxy)
    upstream.answers = False

    stream[1].write(b"x" * 300_000)
    stream[1].close()

    await until(lambda: len(upstream.received) == 300_000 and not upstream.writers)


async def test_what_is_not_answered_is_in_flight(proxy: TcpProxy, upstream: Upstream) -> None:
    streams = [await connect(proxy) for _ in range(3)]
    assert proxy.in_flight == 0

    upstream.answers = False
    for _, writer in streams[:2]:
        writer.write(b"one")
        writer.write(b"two")
    await until(lambda: proxy.in_flight == 2)
    upstream.answers = True
    await ask(streams[0], b"three")
    await until(lambda: proxy.in_flight == 1)
    streams[1][1].close()

    await until(lambda: (proxy.in_flight, proxy.connections) == (0, 2))


async def test_a_delay_is_paid_each_way_and_keeps_the_order(proxy: TcpProxy) -> None:
    stream = await connect(proxy)
    loop = asyncio.get_running_loop()
    await ask(stream, b"warm")
    proxy.delay_seconds = 0.05

    start = loop.time()
    stream[1].write(b"first ")
    await asyncio.sleep(0)
    answer = await ask(stream, b"second")
    proxy.delay_seconds = 0.0
    rest = await ask(stream, b" third")

    assert loop.time() - start >= 0.09, "the timers of a loop may be a little early"
    assert answer + rest == b"first second"
    assert await stream[0].readexactly(6) == b" third"


async def test_a_blackhole_keeps_everything_and_then_lets_it_through(proxy: TcpProxy, upstream: Upstream) -> None:
    old = await connect(proxy)
    await ask(old, b"a")

    proxy.blackhole = True
    new = await connect(proxy)
    for _, writer in (old, new):
        writer.write(b"b")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(QUIET_SECONDS):
            await old[0].read(1)
    swallowed = bytes(upstream.received), proxy.in_flight
    proxy.blackhole = False

    assert swallowed == (b"a", 0)
    assert [await ask(stream, b"c") for stream in (old, new)] == [b"b", b"b"]
    assert [await stream[0].readexactly(1) for stream in (old, new)] == [b"c", b"c"]


async def test_in_a_blackhole_nobody_hears_that_the_other_side_closed(proxy: TcpProxy, upstream: Upstream) -> None:
    stream = await connect(proxy)
    await ask(stream, b"a")

    proxy.blackhole = True
    stream[1].close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(QUIET_SECONDS):
            await until(lambda: not upstream.writers)
    proxy.blackhole = False

    await until(lambda: not upstream.writers)


async def test_a_blackhole_reads_no_more_than_it_may_keep(proxy: TcpProxy, upstream: Upstream) -> None:
    stream = await connect(proxy)
    words = b"x" * (16 * KEPT_BYTES_MAX)
    proxy.blackhole = True
    upstream.answers = False

    stream[1].write(words)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(QUIET_SECONDS):
            await stream[1].drain()
    proxy.blackhole = False

    await until(lambda: len(upstream.received) == len(words))


async def test_new_connections_are_refused_and_old_ones_go_on(proxy: TcpProxy) -> None:
    old = await connect(proxy)
    await ask(old, b"a")
    proxy.refuse = True

    assert await is_closed(await connect(proxy))
    assert await ask(old, b"b") == b"b"
    assert proxy.connections == 1


async def test_a_cut_ends_every_connection_at_once_and_new_ones_are_served(proxy: TcpProxy, upstream: Upstream) -> None:
    streams = [await connect(proxy) for _ in range(2)]
    for stream in streams:
        await ask(stream, b"a")

    proxy.cut()

    assert [await is_closed(stream) for stream in streams] == [True, True]
    await until(lambda: (proxy.connections, len(upstream.writers)) == (0, 0))
    assert await ask(await connect(proxy), b"b") == b"b"


async def test_a_share_of_the_chunks_cuts_its_connection(proxy: TcpProxy) -> None:
    proxy.cut_share = 0.5
    ends = []

    for _ in range(20):
        try:
            ends.append(await ask(await connect(proxy), b"a"))
        except (asyncio.IncompleteReadError, ConnectionError):
            ends.append(b"")

    assert set(ends) == {b"a", b""}


async def test_without_an_upstream_the_client_is_closed() -> None:
    async with open_proxy(HOST, free_ports(["nobody"])["nobody"]) as proxy:
        assert await is_closed(await connect(proxy))
        await until(lambda: proxy.connections == 0)


def test_it_runs_on_the_event_loop_of_the_rig() -> None:
    async def answers() -> list[bytes]:
        async with open_upstream() as upstream, open_proxy(HOST, upstream.port) as proxy:
            stream = await connect(proxy)
            plain = await ask(stream, b"a")
            proxy.delay_seconds = 0.01
            delayed = await ask(stream, b"b" * 1_000_000)
            proxy.delay_seconds, proxy.blackhole = 0.0, True
            stream[1].write(b"c")
            proxy.cut()
            assert await is_closed(stream)
            await until(lambda: proxy.connections == 0 and not upstream.writers)
            return [plain, delayed[:1]]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(answers()) == [b"a", b"b"]

"""The metrics of a process: shown to who asks, and nobody can make much of asking."""

import asyncio
import socket
from collections.abc import AsyncIterator
from importlib.metadata import version
from itertools import count

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chassis import metrics_server
from chassis.config import ConfigError
from chassis.metrics_server import CONNECTIONS_MAX, HEAD_BYTES_MAX, metrics_shown

QUESTION = b"GET /metrics HTTP/1.1\r\nhost: here\r\naccept-encoding: gzip\r\n\r\n"
SOON_SECONDS = 5.0


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with metrics_shown("127.0.0.1", 0, "orders") as port:
        yield port


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def said(port: int, question: bytes) -> bytes:
    """What is answered until the connection is closed."""
    reader, writer = await connected(port)
    async with asyncio.timeout(SOON_SECONDS):
        writer.write(question)
        answer = await reader.read()
    writer.close()
    return answer


def somebody_is_served() -> bool:
    return any("_Visitors._serve" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def came_and_went() -> None:
    async with asyncio.timeout(SOON_SECONDS):
        while not somebody_is_served():
            await asyncio.sleep(0.01)
        while somebody_is_served():
            await asyncio.sleep(0.01)


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What still comes, if the connection is not reset."""
    async with asyncio.timeout(SOON_SECONDS):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_prometheus_is_told_who_the_process_is(port: int) -> None:
    head, _, text = (await said(port, QUESTION)).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"content-length: {len(text)}".encode() in head
    (build,) = (f for f in text_string_to_metric_families(text.decode()) if f.name == "ordermesh_build_info")
    assert {"process": "orders", "version": version("ordermesh")} in [sample.labels for sample in build.samples]


async def test_series_do_not_come_twice_to_say_when_they_began(port: int) -> None:
    assert b"_created" not in await said(port, QUESTION)


@pytest.mark.parametrize("question", [b"GET / HTTP/1.1\r\n\r\n", b"POST /metrics HTTP/1.1\r\n\r\n", b"\r\n\r\n"])
async def test_nothing_else_is_there(port: int, question: bytes) -> None:
    assert (await said(port, question)).startswith(b"HTTP/1.1 404 ")


async def test_a_long_head_is_not_kept(port: int) -> None:
    reader, writer = await connected(port)
    writer.write(b"GET /metrics HTTP/1.1\r\nx: " + 4 * HEAD_BYTES_MAX * b"x")

    assert await rest_of(reader) == b""
    writer.close()


async def test_those_who_hold_on_make_room_for_prometheus(port: int, caplog: pytest.LogCaptureFixture) -> None:
    held = [await connected(port) for _ in range(CONNECTIONS_MAX)]
    for _, writer in held:
        writer.write(b"GET /metrics")

    assert (await said(port, QUESTION)).startswith(b"HTTP/1.1 200 ")
    async with asyncio.timeout(SOON_SECONDS):
        assert await held[0][0].read() == b""
    assert caplog.messages == []
    for _, writer in held:
        writer.close()


async def test_of_many_who_come_at_once_few_stay(port: int) -> None:
    come = await asyncio.gather(*(connected(port) for _ in range(10 * CONNECTIONS_MAX)))

    closed = asyncio.as_completed([rest_of(reader) for reader, _ in come])
    for _ in range(9 * CONNECTIONS_MAX):
        assert await next(closed) == b""
    for _, writer in come:
        writer.close()
    await asyncio.gather(*closed)


@pytest.mark.parametrize(
    "sent", [pytest.param(b"GET", id="who asks slowly"), pytest.param(QUESTION, id="who does not read")]
)
async def test_nobody_has_much_time(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "CONNECTION_SECONDS_MAX", 0.2)
    monkeypatch.setattr(metrics_server, "generate_latest", lambda: 50_000_000 * b"#")
    async with metrics_shown("127.0.0.1", 0, "orders") as port:
        reader, writer = await connected(port)  # a reader takes 64 KiB by itself, and no more
        writer.write(sent)
        await came_and_went()

    assert len(await rest_of(reader)) < 50_000_000
    writer.close()


async def test_who_asks_at_the_same_time_shares_the_work(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    number = count()

    def written_down() -> bytes:
        return f"the text {next(number)}".encode()

    monkeypatch.setattr(metrics_server, "generate_latest", written_down)

    answers = await asyncio.gather(*(said(port, QUESTION) for _ in range(CONNECTIONS_MAX)))

    assert all(b"the text" in answer for answer in answers)
    assert next(number) < CONNECTIONS_MAX


async def test_a_host_that_is_not_this_machine_is_said_by_its_key() -> None:
    with pytest.raises(ConfigError, match=r"^LISTEN_HOST: cannot listen on 192\.0\.2\.1:"):
        async with metrics_shown("192.0.2.1", 9090, "orders"):
            pass


async def test_only_the_host_that_it_is_told_is_listened_on(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=SOON_SECONDS)


async def test_the_block_ends_although_somebody_holds_on() -> None:
    async with asyncio.timeout(SOON_SECONDS):
        async with metrics_shown("127.0.0.1", 0, "orders") as port:
            reader, writer = await connected(port)
            writer.write(b"GET")
            assert (await said(port, QUESTION)).startswith(b"HTTP/1.1 200 ")

        assert await reader.read() == b""
    writer.close()

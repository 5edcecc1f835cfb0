"""Connections, limits, and what the log says."""

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest

from gateway.body import SMALL_BODY_BYTES_MAX
from gateway.protocol import HEAD_BYTES_MAX
from gateway.tests.backend import Backend, exchange, listening
from gateway.tests.endpoints import Slow, gateway_of

PATIENCE_SECONDS = 30
ENDLESS_BYTES = 10_000_000


async def begin_a_body(url: str, size: int = 3) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a head and one byte of the body; the gateway waits for the rest."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\nexpect: 100-continue\r\n\r\n" % size)
    await asyncio.wait_for(reader.readuntil(b"100 Continue\r\n\r\n"), PATIENCE_SECONDS)
    writer.write(b"a")
    return reader, writer


NEXT = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize("at_once", [b"", NEXT, NEXT * 3], ids=["alone", "one", "three"])
@pytest.mark.parametrize("later", [b"", NEXT, NEXT * 3], ids=["nothing later", "one later", "three later"])
async def test_a_client_that_leaves_cancels_the_call(
    backend: Backend, url: str, caplog: pytest.LogCaptureFixture, at_once: bytes, later: bytes
) -> None:
    """Also one that has sent its next requests behind the first."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def wait_for_ever(*_: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    backend.answers["Login"] = wait_for_ever
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    with caplog.at_level(logging.INFO, "ordermesh.http"):
        writer.write(b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\n\r\n" + at_once)
        await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)

        writer.write(later)
        writer.close()

        await asyncio.wait_for(cancelled.wait(), PATIENCE_SECONDS)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not access_lines(caplog):
                await asyncio.sleep(0)
    assert [line["status"] for line in access_lines(caplog)] == [499]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_client_that_leaves_within_its_body_is_let_go() -> None:
    events = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(events)

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {"method": "POST", "raw_path": b"/echo", "query_string": b"", "headers": []}
    scope["headers"] = [(b"host", b"x"), (b"content-length", b"10")]
    await gateway_of(Slow())(scope, receive, send)

    assert sent == []


async def test_clients_that_never_send_their_bodies_keep_nobody_out() -> None:
    slow = Slow()
    slow.go_on.set()
    async with listening(gateway_of(slow, requests_max=1)) as url, httpx.AsyncClient(base_url=url) as client:
        waiting = [await begin_a_body(url) for _ in range(3)]

        answer = await client.get("/slow")

        assert answer.status_code == 200
        for reader, writer in waiting:
            writer.write(b"bc")
            assert (await reader.readuntil(b"abc")).startswith(b"HTTP/1.1 200 ")
            writer.close()


async def test_a_body_that_does_not_come_in_time_is_refused_and_the_connection_closed() -> None:
    async with listening(gateway_of(Slow(), body_seconds_max=0.1)) as url:
        reader, writer = await begin_a_body(url)

        answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
        writer.close()

        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"\r\nconnection: close\r\n" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["reason"] == "REQUEST_TIMEOUT"


async def test_large_bodies_share_what_is_kept_of_them_and_small_ones_are_always_taken() -> None:
    size = SMALL_BODY_BYTES_MAX + 1
    head = b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    async with listening(gateway_of(Slow(), large_bytes_max=size)) as url:
        reader, writer = await begin_a_body(url, size + 1)
        writer.write(b"a" * (size - 1))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (large := await exchange(url, head % (size + 1), b"b" * size)).startswith(b"HTTP/1.1 503 "):
                pass  # the first one has not come that far
        small = await exchange(url, head % SMALL_BODY_BYTES_MAX, b"c" * SMALL_BODY_BYTES_MAX)
        writer.write(b"a")
        first = await asyncio.wait_for(reader.readuntil(b"a" * (size + 1)), PATIENCE_SECONDS)
        writer.close()
        later = await exchange(url, head % (size + 1), b"d" * size, b"d")

    assert b'"reason":"OVERLOADED"' in large
    assert b"\r\nretry-after: 1\r\n" in large
    assert [answer[:13] for answer in (small, first, later)] == [b"HTTP/1.1 200 "] * 3


async def test_probes_are_answered_whatever_the_load() -> None:
    slow = Slow()
    async with listening(gateway_of(slow, requests_max=1)) as url, httpx.AsyncClient(base_url=url) as client:
        busy = asyncio.create_task(client.get("/slow"))
        await slow.reached.wait()

        statuses = [(await client.get(path)).status_code for path in ("/slow", "/healthz", "/readyz")]
        slow.go_on.set()

        assert statuses == [503, 200, 200]
        assert (await busy).status_code == 200


async def test_more_requests_than_the_limit_are_sent_away(url: str) -> None:
    slow = Slow()
    async with listening(gateway_of(slow, requests_max=1)) as busy, httpx.AsyncClient(base_url=busy) as client:
        first = asyncio.create_task(client.get("/slow"))
        await slow.reached.wait()

        second = await client.get("/slow")
        slow.go_on.set()

        assert (second.status_code, second.json()["reason"]) == (503, "OVERLOADED")
        assert second.headers["retry-after"] == "1"
        assert (await first).status_code == 200
        assert (await client.get("/slow")).status_code == 200


@pytest.mark.parametrize("name", [b"x-long", b"x" * (HEAD_BYTES_MAX + 1)])
async def test_headers_above_the_limit_are_refused(url: str, name: bytes) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + name + b": " + b"y" * (HEAD_BYTES_MAX + 1) + b"\r\n\r\n"

    answer = await exchange(url, head)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["reason"] == "HEADERS_TOO_LARGE"


async def flood(writer: asyncio.StreamWriter) -> None:
    for _ in range(ENDLESS_BYTES // 8192):
        writer.write(b"y" * 8192)
        await writer.drain()
        await asyncio.sleep(0)  # the server lives in the same loop


async def test_headers_without_an_end_are_refused_long_before_they_fill_the_memory(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-endless: ")

    with pytest.raises(ConnectionError):
        await flood(writer)

    writer.close()


CHUNKED_LOGIN = (
    b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
)


async def test_trailers_above_the_limit_are_refused(backend: Backend, url: str) -> None:
    trailers = (b"x-more: " + b"y" * 1000 + b"\r\n") * (HEAD_BYTES_MAX // 1000 + 3)

    answer = await exchange(url, CHUNKED_LOGIN, trailers)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert backend.received == []


@pytest.mark.parametrize("unfinished", [CHUNKED_LOGIN + b"x-endless: ", CHUNKED_LOGIN.removesuffix(b"\r\n") + b";x="])
async def test_a_trailer_without_an_end_is_refused_too(url: str, unfinished: bytes) -> None:
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(unfinished)

    with pytest.raises(ConnectionError):
        await flood(writer)

    writer.close()


async def test_trailers_are_no_headers(backend: Backend, url: str) -> None:
    request = CHUNKED_LOGIN.replace(b"host: x", b"host: x\r\nconnection: close")

    answer = await exchange(url, request + b"x-request-id: r-1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert backend.last.metadata["x-request-id"] != "r-1"


async def test_a_body_in_many_chunks_may_be_larger_than_a_head(backend: Backend, url: str) -> None:
    blank = b"400\r\n" + b" " * 0x400 + b"\r\n"
    request = CHUNKED_LOGIN.replace(b"host: x", b"host: x\r\nconnection: close").removesuffix(b"0\r\n")

    answer = await exchange(url, request, *[blank] * (2 * HEAD_BYTES_MAX // 0x400), b"0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("nonsense", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * HEAD_BYTES_MAX + b"\r\n\r\n"])
async def test_nonsense_behind_a_request_does_not_cost_it_its_answer(nonsense: bytes) -> None:
    slow = Slow()
    async with listening(gateway_of(slow)) as url:
        answering = asyncio.create_task(exchange(url, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n" + nonsense))
        await asyncio.wait_for(slow.reached.wait(), PATIENCE_SECONDS)
        slow.go_on.set()

        answer = await answering

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_long_path_is_bounded_too(url: str) -> None:
    answer = await exchange(url, b"GET /" + b"a" * (HEAD_BYTES_MAX + 1) + b" HTTP/1.1\r\nhost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"hello\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
async def test_what_is_not_http_gets_a_problem_and_the_door(url: str, nonsense: bytes) -> None:
    answer = await exchange(url, nonsense)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\ncontent-type: application/problem+json\r\n" in answer


async def test_requests_on_one_connection_are_answered_in_order(url: str) -> None:
    filler = b"x-filler: " + b"y" * 12_000 + b"\r\n"
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + filler

    answer = await exchange(url, head + b"\r\n" + head + b"\r\n", head + b"connection: close\r\n\r\n")

    assert answer.count(b"HTTP/1.1 200 OK") == 3


def access_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [getattr(record, "fields", {}) for record in caplog.records if record.name == "ordermesh.http"]


async def test_the_log_has_the_route_and_neither_query_nor_token(
    backend: Backend, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer s3cret"}) as client:
        with caplog.at_level(logging.INFO):
            await client.get("/api/inventory/LAMP-secret-id?colour=s3cret")

    (line,) = access_lines(caplog)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/inventory/{sku}", 400)
    assert line["client"] == "127.0.0.1"
    ours = " ".join(f"{r.getMessage()} {getattr(r, 'fields', '')}" for r in caplog.records if r.name != "httpx")
    assert "s3cret" not in ours

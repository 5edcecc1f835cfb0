"""The end of a gateway: a lame duck first, then no more connections, and no request without an answer."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from uvicorn.server import ServerState

from gateway.connections import Connections
from gateway.protocol import BoundedProtocol
from gateway.server import LAST_REQUEST_SECONDS, uvicorn_config
from gateway.tests.backend import listening
from gateway.tests.endpoints import Slow, gateway_of

PATIENCE_SECONDS = 10
LAME_DUCK_SECONDS = 0.5
REQUEST = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


async def test_a_stop_lets_requests_in_flight_finish() -> None:
    slow = Slow()
    async with httpx.AsyncClient() as client:
        async with listening(gateway_of(slow)) as url:
            answer = asyncio.create_task(client.get(f"{url}/slow"))
            await slow.reached.wait()
            asyncio.get_running_loop().call_later(0.3, slow.go_on.set)

        assert (await answer).content == b"done"
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}/slow")


async def test_a_request_that_outlives_the_drain_is_told() -> None:
    slow = Slow()
    async with httpx.AsyncClient() as client:
        async with listening(gateway_of(slow), drain_seconds=0.2) as url:
            answer = asyncio.create_task(client.get(f"{url}/slow"))
            await slow.reached.wait()

        assert ((await answer).status_code, (await answer).json()["reason"]) == (503, "STOPPING")


async def test_a_lame_duck_is_not_ready_but_answers_everything_and_closes_behind_it() -> None:
    slow = Slow()
    slow.go_on.set()
    async with httpx.AsyncClient() as client:
        async with listening(gateway_of(slow), lame_duck_seconds=LAME_DUCK_SECONDS) as url:
            before = [await client.get(f"{url}{path}") for path in ("/readyz", "/slow")]
            during = asyncio.create_task(ask_when_not_ready(url, "/readyz", "/slow", "/healthz", "/nowhere"))

        ready, *others = await during
    assert [(answer.status_code, answer.headers.get("connection")) for answer in before] == [(200, None)] * 2
    assert (ready.status_code, ready.json()["reason"], ready.headers["retry-after"]) == (503, "STOPPING", "1")
    assert [answer.status_code for answer in others] == [200, 200, 404]
    assert {answer.headers["connection"] for answer in (ready, *others)} == {"close"}


async def ask_when_not_ready(url: str, *paths: str) -> list[httpx.Response]:
    """The answers to requests that are sent, each on a connection of its own, once the gateway is not ready."""
    async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE_SECONDS):
        while (await client.get(f"{url}/readyz")).is_success:
            pass
        return [await client.get(f"{url}{path}") for path in paths]


async def test_an_idle_connection_is_closed_at_the_end_and_a_late_one_is_refused() -> None:
    async with listening(gateway_of(Slow())) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(REQUEST)
        await asyncio.wait_for(reader.readuntil(b"}"), PATIENCE_SECONDS)

    assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, int(port))


async def test_who_connected_last_can_still_send_the_request() -> None:
    async with listening(gateway_of(Slow())) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        asyncio.get_running_loop().call_later(LAST_REQUEST_SECONDS / 2, writer.write, REQUEST)

    answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in answer


@asynccontextmanager
async def kept_alive() -> AsyncIterator[tuple[BoundedProtocol, socket.socket]]:
    """A connection over which one request was answered: the server's end and, blocking, the client's."""
    gateway = gateway_of(Slow())
    connections = Connections()
    config = uvicorn_config(gateway, connections, PATIENCE_SECONDS)
    config.load()
    loop = asyncio.get_running_loop()
    made: list[BoundedProtocol] = []

    def make() -> BoundedProtocol:
        made.append(BoundedProtocol(config, ServerState(), {}, connections=connections))
        return made[0]

    server = await loop.create_server(make, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname(), PATIENCE_SECONDS) as client:
        client.sendall(REQUEST)
        answer = b""
        while not answer.endswith(b"}"):
            answer += await asyncio.to_thread(client.recv, 4096)
        gateway.begin_lame_duck()
        yield made[0], client
    server.close()


async def everything(client: socket.socket) -> bytes:
    """What is received until the server closes the connection."""
    received = b""
    while piece := await asyncio.to_thread(client.recv, 4096):
        received += piece
    return received


async def test_a_request_that_was_sent_but_not_read_when_idle_connections_are_closed_is_answered() -> None:
    async with kept_alive() as (connection, client):
        client.sendall(REQUEST)

        connection.shutdown()  # the event loop had no time to read since

        assert (await everything(client)).startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_is_half_there_when_idle_connections_are_closed_is_waited_for() -> None:
    async with kept_alive() as (connection, client):
        client.sendall(REQUEST[:10])
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not connection.has_begun_a_head:
                await asyncio.sleep(0)

        connection.shutdown()
        client.sendall(REQUEST[10:])

        assert (await everything(client)).startswith(b"HTTP/1.1 200 ")


async def test_a_connection_without_a_request_is_closed() -> None:
    async with kept_alive() as (connection, client):
        connection.shutdown()

        assert await everything(client) == b""

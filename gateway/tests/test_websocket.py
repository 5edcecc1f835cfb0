"""A method that streams, over a real WebSocket."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode

from chassis.errors import NotFound, Unauthenticated
from gateway import upstream
from gateway.app import SERVICES
from gateway.connections import Connections
from gateway.tests.backend import Backend, channels_to, exchange, gateway_over, gateway_to, listening
from gateway.tests.sockets import HANDSHAKE, closed, everything, head_of, socket_to
from gateway.tests.streams import (
    ORDER_ID,
    PATH,
    PATIENCE_SECONDS,
    Watched,
    broken,
    customer,
    deaf,
    in_turn,
    of,
    order,
)
from gateway.websocket_protocol import MESSAGE_BYTES_MAX

PINGED_BYTES_MAX = 30_000_000


class TokenRevoked(Unauthenticated):
    reason = "TOKEN_REVOKED"


@asynccontextmanager
async def impatient(backend: Backend) -> AsyncIterator[str]:
    """The URL of a gateway that leaves little time to read."""
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels), Connections(unread_seconds=0.5)) as url,
    ):
        yield url


async def test_each_message_is_a_text_and_the_end_is_1000(backend: Backend, url: str) -> None:
    watched = backend.answers["WatchOrder"] = Watched()

    seen = []
    async with socket_to(url, additional_headers=customer(backend)) as socket:
        for _ in range(3):
            await watched.move()
            seen.append(json.loads(await socket.recv()))
        end = await closed(socket)

    assert [message["version"] for message in seen] == [1, 2, 3]
    assert {message["orderId"] for message in seen} == {ORDER_ID}
    assert end == (1000, "")


async def test_it_begins_where_the_query_says(backend: Backend, url: str) -> None:
    await (watched := Watched()).move(3)
    backend.answers["WatchOrder"] = watched

    async with socket_to(url, f"{PATH}?afterVersion=2", additional_headers=customer(backend)) as socket:
        assert await everything(socket) == [3]


async def test_where_nothing_comes_any_more_it_is_opened_and_closed_with_1000(backend: Backend, url: str) -> None:
    backend.answers["WatchOrder"] = Watched()

    async with socket_to(url, f"{PATH}?afterVersion=3", additional_headers=customer(backend)) as socket:
        assert await closed(socket) == (1000, ""), "a page is not told what a refused handshake says"


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (TokenRevoked("the session was ended"), 4401, "TOKEN_REVOKED"),
        (NotFound("it is gone"), 4404, "NOT_FOUND"),
        (ValueError("s3cret"), 1011, "INTERNAL"),
    ],
)
async def test_what_goes_wrong_late_is_the_close_code(
    backend: Backend, url: str, error: Exception, code: int, reason: str
) -> None:
    backend.answers["WatchOrder"] = of(order(1), error=error)

    async with socket_to(url, additional_headers=customer(backend)) as socket:
        assert await everything(socket) == [1]
        assert await closed(socket) == (code, reason)


async def test_a_service_that_stays_away_is_1013(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "BACKOFF_SECONDS_MIN", 0.0)
    backend.answers["WatchOrder"] = in_turn(of(order(1), error=broken()), of(error=broken()))
    async with gateway_over(SERVICES, backend) as url, socket_to(url, additional_headers=customer(backend)) as socket:
        assert await everything(socket) == [1]
        assert (await closed(socket))[0] == 1013


async def test_a_deadline_that_is_over_is_4504(backend: Backend, url: str) -> None:
    backend.answers["WatchOrder"] = Watched()

    async with socket_to(url, additional_headers=customer(backend) | {"grpc-timeout": "300m"}) as socket:
        assert (await closed(socket))[0] == 4504


async def test_a_stream_that_broke_goes_on_and_the_client_sees_nothing(
    backend: Backend, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "BACKOFF_SECONDS_MIN", 0.0)
    backend.answers["WatchOrder"] = in_turn(of(order(1), error=broken()), of(order(1), order(2)))

    async with socket_to(url, additional_headers=customer(backend)) as socket:
        assert await everything(socket) == [1, 2]


async def test_a_client_that_leaves_cancels_the_call(backend: Backend, url: str) -> None:
    watched = backend.answers["WatchOrder"] = Watched()

    async with socket_to(url, additional_headers=customer(backend)):
        await asyncio.wait_for(watched.begun.wait(), PATIENCE_SECONDS)

    await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)


async def test_a_client_that_vanishes_cancels_it_too(backend: Backend, url: str) -> None:
    watched = backend.answers["WatchOrder"] = Watched()

    socket = await socket_to(url, additional_headers=customer(backend))
    socket.transport.abort()

    await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)


@pytest.mark.parametrize("message", ["hello", b"hello", "", ["a", "b"]])
async def test_a_message_of_a_client_closes_it_with_1008(backend: Backend, url: str, message: Any) -> None:
    watched = backend.answers["WatchOrder"] = Watched()

    async with socket_to(url, additional_headers=customer(backend)) as socket:
        await socket.send(message)
        end = await closed(socket)

    assert end == (1008, "this stream takes no messages")
    await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)


async def test_a_large_frame_is_refused_before_it_has_come(backend: Backend, url: str) -> None:
    backend.answers["WatchOrder"] = Watched()

    async with socket_to(url, additional_headers=customer(backend)) as socket:
        socket.transport.write(b"\x81\xfe" + struct.pack("!H", MESSAGE_BYTES_MAX + 1) + b"mask")
        end = await closed(socket)

    assert end[0] == 1009


async def test_a_ping_is_answered(backend: Backend, url: str) -> None:
    backend.answers["WatchOrder"] = Watched()

    async with socket_to(url, additional_headers=customer(backend)) as socket:
        pong = await socket.ping(b"are you there?")

        assert await asyncio.wait_for(pong, PATIENCE_SECONDS) >= 0


async def test_a_client_that_answers_no_ping_is_taken_for_gone(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.PING_SECONDS", 0.1)
    monkeypatch.setattr("gateway.server.PONG_SECONDS_MAX", 0.1)
    watched = backend.answers["WatchOrder"] = Watched()
    async with gateway_over(SERVICES, backend) as url:
        answer = await exchange(url, head_of(backend, *HANDSHAKE))

    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\x03\xf3keepalive ping timeout" in answer, "the close frame, 1011"
    await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)


async def test_a_client_that_does_not_read_is_not_read_either_and_is_given_up(backend: Backend) -> None:
    watched = backend.answers["WatchOrder"] = Watched()
    ping = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 1000
    pinged, loop = 0, asyncio.get_running_loop()
    async with impatient(backend) as url:
        with deaf(url, head_of(backend, *HANDSHAKE)) as client:
            await asyncio.wait_for(watched.begun.wait(), PATIENCE_SECONDS)
            client.setblocking(False)
            with suppress(ConnectionError):
                while pinged < PINGED_BYTES_MAX:
                    await asyncio.wait_for(loop.sock_sendall(client, ping), PATIENCE_SECONDS)
                    pinged += len(ping)
            await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)

    assert pinged < PINGED_BYTES_MAX


async def test_a_slow_reader_holds_up_the_service_and_is_given_up(backend: Backend) -> None:
    sent, left = 0, asyncio.Event()
    padding = "x" * 50_000

    async def endless(_request: Any, _context: Any) -> AsyncIterator[Any]:
        nonlocal sent
        try:
            while True:
                sent += 1
                message = order(sent)
                message.failure.message = padding
                yield message
        finally:
            left.set()

    backend.answers["WatchOrder"] = endless
    async with impatient(backend) as url:
        with deaf(url, head_of(backend, *HANDSHAKE)):
            await asyncio.wait_for(left.wait(), PATIENCE_SECONDS)

    assert sent * len(padding) < 20_000_000


async def test_the_end_of_the_process_is_1012(backend: Backend) -> None:
    watched = Watched()
    backend.answers["WatchOrder"] = watched
    async with gateway_over(SERVICES, backend) as url:
        socket = await socket_to(url, additional_headers=customer(backend))
        await watched.begun.wait()

    with pytest.raises(ConnectionClosedError):
        await socket.recv()
    assert await closed(socket) == (1012, "STOPPING")

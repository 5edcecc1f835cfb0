"""The opening handshake of a WebSocket: who may open one, how they say who they are, and what is no handshake."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.frames import Frame, Opcode

from chassis.errors import NotFound, Unauthenticated
from gateway import streaming
from gateway.app import SERVICES
from gateway.cors import Origins
from gateway.tests.backend import Backend, channels_to, exchange, gateway_to, listening
from gateway.tests.sockets import HANDSHAKE, KEY, everything, head_of, problem, refusal, socket_to
from gateway.tests.streams import (
    ORDER_ID,
    PATH,
    PATIENCE_SECONDS,
    Watched,
    connected,
    customer,
    of,
    order,
    watching,
)

PAGE = "https://shop.example"


class TokenRevoked(Unauthenticated):
    reason = "TOKEN_REVOKED"


@pytest.mark.parametrize("others", [["ordermesh.v1"], []])
async def test_a_token_may_be_a_subprotocol(backend: Backend, url: str, others: list[str]) -> None:
    backend.answers["WatchOrder"] = of(order(1))
    token = backend.issuer.user("ada")

    async with socket_to(url, subprotocols=[f"bearer.{token}", *others]) as socket:
        assert await everything(socket) == [1]
        chosen = socket.subprotocol

    assert chosen == (others or [f"bearer.{token}"])[0]
    assert backend.last.metadata["authorization"] == f"Bearer {token}"


async def test_a_ticket_opens_a_socket(backend: Backend, url: str) -> None:
    backend.answers["WatchOrder"] = of(order(1))

    async with socket_to(url, f"{PATH}?ticket={backend.issuer.ticket('ada', ORDER_ID)}") as socket:
        assert await everything(socket) == [1]


@pytest.mark.parametrize("beside", ["authorization", "ticket", "another token"])
async def test_two_ways_to_say_who_it_is_are_refused(backend: Backend, url: str, beside: str) -> None:
    subprotocols = [f"bearer.{backend.issuer.user('ada')}"]
    headers, path = {}, PATH
    if beside == "authorization":
        headers = customer(backend)
    elif beside == "ticket":
        path = f"{PATH}?ticket={backend.issuer.ticket('ada', ORDER_ID)}"
    else:
        subprotocols.append(f"bearer.{backend.issuer.user('eve')}")

    answer = await refusal(url, path, subprotocols=subprotocols, additional_headers=headers)

    assert (answer.status_code, problem(answer)["violations"][0]["field"]) == (400, "authorization")
    assert backend.received == []


async def test_a_refusal_is_an_ordinary_answer(backend: Backend, url: str) -> None:
    def of_nobody(error: Exception) -> None:
        backend.answers["WatchOrder"] = of(error=error)

    nobody = await refusal(url)
    of_nobody(NotFound("no such order"))
    missing = await refusal(url, additional_headers=customer(backend) | {"x-request-id": "r-1"})
    nowhere = await refusal(url, "/api/nowhere", additional_headers=customer(backend))
    wrong = await refusal(url, f"{PATH}?afterVersion=x", additional_headers=customer(backend))

    assert (nobody.status_code, problem(nobody)["reason"]) == (401, "TOKEN_MISSING")
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert (missing.status_code, problem(missing)["instance"], missing.headers["x-request-id"]) == (404, PATH, "r-1")
    assert (nowhere.status_code, wrong.status_code) == (404, 400)


async def test_a_refusal_is_no_error_in_the_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    await refusal(url)

    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_what_is_no_stream_answers_a_handshake_as_any_request(url: str) -> None:
    answer = await refusal(url, "/healthz")

    assert (answer.status_code, json.loads(answer.body)["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        ("http://{host}", True),
        ("HTTP://{host}", True),
        ("https://{host}", True),
        ("https://evil.example", False),
        ("http://{host}.evil.example", False),
        ("null", False),
        ("file://", False),
        ("", False),
    ],
)
async def test_pages_of_other_origins_are_refused(backend: Backend, url: str, origin: str, is_let_in: bool) -> None:
    backend.answers["WatchOrder"] = of(order(1))
    origin = origin.format(host=url.removeprefix("http://"))
    options: dict[str, Any] = {"additional_headers": customer(backend) | {"Origin": origin}}

    if is_let_in:
        async with socket_to(url, **options) as socket:
            assert await everything(socket) == [1]
    else:
        answer = await refusal(url, **options)
        assert (answer.status_code, problem(answer)["reason"]) == (403, "ORIGIN_NOT_ALLOWED")
        assert backend.received == []


async def test_pages_of_origins_that_are_let_in_are_not(backend: Backend) -> None:
    backend.answers["WatchOrder"] = of(order(1))
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels, origins=Origins(frozenset({PAGE})))) as url,
        socket_to(url, additional_headers=customer(backend) | {"Origin": PAGE}) as socket,
    ):
        assert await everything(socket) == [1]


@pytest.mark.parametrize("host", ["shop.example", "SHOP.example:443"])
async def test_a_default_port_makes_no_other_origin(backend: Backend, url: str, host: str) -> None:
    backend.answers["WatchOrder"] = of(order(1))
    head = head_of(backend, *HANDSHAKE, f"origin: {PAGE}").replace(
        b"shop.example\r\nconnection", f"{host}\r\nconnection".encode()
    )

    with connected(url, head) as client:
        assert await asyncio.to_thread(client.recv, 13) == b"HTTP/1.1 101 "


async def test_who_sends_before_the_handshake_is_answered_is_cut_off(backend: Backend, url: str) -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def silent(_request: Any, _context: Any) -> AsyncIterator[Any]:
        begun.set()
        try:
            await asyncio.Event().wait()
            yield order(1)
        finally:
            left.set()

    backend.answers["WatchOrder"] = silent
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head_of(backend, *HANDSHAKE))
    await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)

    writer.write(Frame(Opcode.PING, b"").serialize(mask=True))

    with suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
    await asyncio.wait_for(left.wait(), PATIENCE_SECONDS)
    writer.close()


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["sec-websocket-version: 13"],
        [f"sec-websocket-key: {KEY}"],
        [f"sec-websocket-key: {KEY}", "sec-websocket-version: 8"],
        ["sec-websocket-key: short", "sec-websocket-version: 13"],
        [f"sec-websocket-key: {KEY}", f"sec-websocket-key: {KEY}", "sec-websocket-version: 13"],
        [f"sec-websocket-key: {KEY}", "sec-websocket-version: 13", "content-length: 0"],
        [f"sec-websocket-key: {KEY}", "sec-websocket-version: 13", "sec-websocket-protocol: a b"],
        [f"sec-websocket-key: {KEY}", "sec-websocket-version: 13", f"x-long: {'x' * 9000}"],
        [f"sec-websocket-key: {KEY}", "sec-websocket-version: 13", *[f"x-{number}: x" for number in range(130)]],
    ],
)
async def test_what_is_no_sound_handshake_is_told_what_one_is(backend: Backend, url: str, lines: list[str]) -> None:
    answer = await exchange(url, head_of(backend, *lines))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 426 ")
    assert b"\r\nupgrade: websocket\r\n" in head
    assert b"\r\nconnection: upgrade\r\n" in head
    assert b"\r\nsec-websocket-version: 13" in head
    assert b"\r\nconnection: close" in head
    assert json.loads(body)["reason"] == "UPGRADE_REQUIRED"
    assert backend.received == []


async def test_nothing_else_is_upgraded_to(backend: Backend, url: str) -> None:
    backend.answers["WatchOrder"] = of(order(1))
    head = head_of(backend).replace(b"upgrade: websocket", b"upgrade: h2c")

    answer = await exchange(url, head)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"id: 1" in answer


async def test_a_handshake_behind_a_request_that_is_still_answered_is_none(backend: Backend, url: str) -> None:
    go_on = asyncio.Event()

    async def later(*_: Any) -> None:
        await go_on.wait()

    backend.answers["GetOrder"] = later
    backend.answers["WatchOrder"] = of(order(1))
    first = (
        f"GET /api/orders/{ORDER_ID} HTTP/1.1\r\nhost: x\r\nauthorization: {customer(backend)['authorization']}\r\n\r\n"
    )
    asyncio.get_running_loop().call_later(0.2, go_on.set)

    answer = await exchange(url, first.encode() + head_of(backend, *HANDSHAKE))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 101 " not in answer
    assert b"HTTP/1.1 426 " in answer


async def test_sockets_and_event_streams_share_one_limit(backend: Backend) -> None:
    backend.answers["WatchOrder"] = Watched()
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels, streams_max=1)) as url,
        httpx.AsyncClient(base_url=url, headers=customer(backend)) as client,
        watching(client),
    ):
        answer = await refusal(url, additional_headers=customer(backend))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_service_that_does_not_answer_is_504(
    backend: Backend, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_request: Any, _context: Any) -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield order(1)

    monkeypatch.setattr(streaming, "OPEN_SECONDS_MAX", 0.2)
    backend.answers["WatchOrder"] = silent

    assert (await refusal(url, additional_headers=customer(backend))).status_code == 504


async def test_neither_token_nor_ticket_is_logged(backend: Backend, url: str, caplog: pytest.LogCaptureFixture) -> None:
    backend.answers["WatchOrder"] = of(order(1), error=TokenRevoked("the session was ended"))
    token, ticket = backend.issuer.user("ada"), backend.issuer.ticket("ada", ORDER_ID)

    with caplog.at_level(logging.DEBUG, "ordermesh"), caplog.at_level(logging.DEBUG, "gateway"):
        async with socket_to(url, subprotocols=[f"bearer.{token}"]) as socket:
            await everything(socket)
        async with socket_to(url, f"{PATH}?ticket={ticket}") as socket:
            await everything(socket)
        for path in (f"{PATH}?ticket={ticket}&x=1", f"/api/nowhere?ticket={ticket}", f"/healthz?ticket={ticket}"):
            await refusal(url, path, subprotocols=[f"bearer.{token}"])
        async with httpx.AsyncClient(base_url=url) as client:
            await client.get(PATH, params={"ticket": ticket})

    ours = [r for r in caplog.records if r.name.partition(".")[0] in {"ordermesh", "gateway", "uvicorn", "chassis"}]
    text = " ".join(f"{record.getMessage()} {getattr(record, 'fields', '')}" for record in ours)
    assert [getattr(r, "fields", {}).get("status") for r in ours if r.name == "ordermesh.http"][:2] == [101, 101]
    assert token not in text
    assert ticket not in text

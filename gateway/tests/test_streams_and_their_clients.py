"""Clients of streams that leave, do not read, or are too many; and the end of the process."""

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from gateway.app import SERVICES
from gateway.connections import Connections
from gateway.feed import Feed
from gateway.tests.backend import Backend, channels_to, gateway_to, listening
from gateway.tests.streams import (
    ORDER_ID,
    PATH,
    PATIENCE_SECONDS,
    Watched,
    customer,
    deaf,
    of,
    order,
    versions,
    watching,
)
from gateway.upstream import Subscription


@pytest.fixture
async def ada(backend: Backend, url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, headers=customer(backend), timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.mark.parametrize("requests", [1, 2, 4])
async def test_a_client_that_leaves_cancels_the_call(
    backend: Backend, url: str, caplog: pytest.LogCaptureFixture, requests: int
) -> None:
    """Also one that has sent its next requests behind the first."""
    watched = backend.answers["WatchOrder"] = Watched()
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token = customer(backend)["authorization"]
    writer.write(f"GET {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n\r\n".encode() * requests)
    await asyncio.wait_for(reader.readuntil(b"retry: "), PATIENCE_SECONDS)

    writer.close()

    await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)
    assert len(backend.received) == 1
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_client_that_leaves_before_it_is_let_in_cancels_it_too(backend: Backend, url: str) -> None:
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
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: {customer(backend)['authorization']}\r\n\r\n".encode()
    )
    await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)

    writer.close()

    await asyncio.wait_for(left.wait(), PATIENCE_SECONDS)


async def test_nothing_is_left_of_a_stream_whose_client_left(backend: Backend, ada: httpx.AsyncClient) -> None:
    """Nothing that waits for the garbage collector either: hundreds may leave at once."""
    backend.answers["WatchOrder"] = Watched()
    gc.collect()
    gc.disable()
    try:
        async with watching(ada) as stream:
            await stream.event()
            things = [weakref.ref(thing) for thing in gc.get_objects() if isinstance(thing, (Feed, Subscription))]

        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(thing() is not None for thing in things):
                await asyncio.sleep(0)
    finally:
        gc.enable()

    assert len(things) == 2


async def test_a_client_that_does_not_read_holds_up_the_service_and_is_given_up(backend: Backend) -> None:
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
    request = f"GET {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: {customer(backend)['authorization']}\r\n\r\n"
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels), Connections(unread_seconds=0.5)) as url,
    ):
        with deaf(url, request.encode()):
            await asyncio.wait_for(left.wait(), PATIENCE_SECONDS)

    assert sent * len(padding) < 20_000_000


async def test_more_streams_than_the_limit_are_sent_away_and_other_requests_are_not(backend: Backend) -> None:
    watched = backend.answers["WatchOrder"] = Watched()
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels, streams_max=1)) as url,
        httpx.AsyncClient(base_url=url, headers=customer(backend)) as client,
    ):
        async with watching(client):
            second = await client.get(PATH)
            other = await client.get("/api/orders")
        await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)
        await watched.move(3)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (third := await client.get(PATH)).status_code == 503:
                pass

    assert (second.status_code, second.json()["reason"], second.headers["retry-after"]) == (503, "OVERLOADED", "1")
    assert (other.status_code, third.status_code) == (200, 200)


async def test_a_ticket_in_the_query_opens_what_it_is_for(backend: Backend, anybody: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = of(order(1))
    tickets = [backend.issuer.ticket("ada", for_what) for for_what in (ORDER_ID, "f" * 32)]

    own, other = [await anybody.get(PATH, params={"ticket": ticket, "afterVersion": 0}) for ticket in tickets]

    assert versions(own.text) == [1]
    assert (other.status_code, other.json()["reason"]) == (401, "TICKET_FOR_ANOTHER")
    assert backend.received[0].metadata["authorization"] == f"Ticket {tickets[0]}"


@pytest.mark.parametrize("ticket", ["", "x", "é", "a%0d%0ax-admin: 1", "x" * 6000])
async def test_what_is_no_ticket_opens_nothing(backend: Backend, anybody: httpx.AsyncClient, ticket: str) -> None:
    answer = await anybody.get(f"{PATH}?ticket={ticket}")

    assert answer.status_code == 401
    assert backend.received == []


async def test_a_ticket_beside_a_token_is_refused(backend: Backend, ada: httpx.AsyncClient) -> None:
    ticket = backend.issuer.ticket("ada", ORDER_ID)

    beside = await ada.get(PATH, params={"ticket": ticket})
    twice = await ada.get(f"{PATH}?ticket={ticket}&ticket={ticket}", headers={"authorization": ""})

    assert [answer.status_code for answer in (beside, twice)] == [400, 400]
    assert ticket not in beside.text + twice.text


async def test_a_ticket_is_nothing_for_methods_that_take_none(backend: Backend, ada: httpx.AsyncClient) -> None:
    answer = await ada.get(f"/api/orders/{ORDER_ID}", params={"ticket": "s3cret"})

    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, "ticket")
    assert "s3cret" not in answer.text


async def test_the_end_of_the_process_just_ends_a_stream_and_soon(backend: Backend) -> None:
    watched = backend.answers["WatchOrder"] = Watched()
    async with (
        channels_to(SERVICES, backend) as channels,
        httpx.AsyncClient(headers=customer(backend), timeout=PATIENCE_SECONDS) as client,
        AsyncExitStack() as stack,
    ):
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            listening(gateway_to(SERVICES, channels), drain_seconds=2 * PATIENCE_SECONDS) as url,
        ):
            stream = await stack.enter_async_context(watching(client, f"{url}{PATH}"))
            await watched.move()
            first = await stream.version()
        rest = await stream.rest()

    assert (first, rest) == (1, [])
    await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)


async def test_a_process_that_stops_opens_no_stream(backend: Backend) -> None:
    backend.answers["WatchOrder"] = of(order(1))
    async with channels_to(SERVICES, backend) as channels:
        gateway = gateway_to(SERVICES, channels)
        async with (
            listening(gateway) as url,
            httpx.AsyncClient(base_url=url, headers=customer(backend)) as client,
        ):
            gateway.end_streams()
            answer = await client.get(PATH)

    assert (answer.status_code, answer.json()["reason"]) == (503, "STOPPING")

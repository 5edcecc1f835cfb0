"""Orders that are watched over REST, in a mesh with two replicas of orders, while replicas and Redis come and go."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from deploy.local.ports import HOST
from deploy.local.settings import Settings, isolated
from deploy.local.stack import Stack, start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from tests.e2e.browser import Browser
from tests.e2e.conftest import ANSWER_SECONDS, Shop, bearer
from tests.e2e.event_source import ERROR, EventSource
from tests.e2e.identities import new_session

ORDERS = ("orders", "orders-2")
WATCHERS = 6
"""Calls go to the replicas in turn: some of so many watch in each."""

TWINS = {
    "ORDERS_REPLICAS": "2",
    "RELAY_LEASE_SECONDS": "2",
    "VISIBILITY_SECONDS": "3",
    "HEARTBEAT_SECONDS": "1",
}
"""Two orders, and everything that production waits for in minutes in seconds."""

PATIENCE_SECONDS = 60.0

PAGE = """<!DOCTYPE html><title>An order</title><script>
const seen = {socket: [], events: []}, ends = {}
async function watch(gateway, token, orderId) {
  const headers = {authorization: `Bearer ${token}`, "content-type": "application/json"}
  const asked = {method: "POST", headers, body: JSON.stringify({orderId})}
  const {ticket} = await (await fetch(`${gateway}/api/auth/tickets`, asked)).json()
  open(`${gateway}/api/orders/${orderId}/events?ticket=${ticket}`)
}
function open(url) {
  const socket = new WebSocket(url.replace("http", "ws"))
  socket.onmessage = message => seen.socket.push(JSON.parse(message.data).status)
  socket.onclose = close => ends.socket = close.code
  const source = new EventSource(url)
  source.onmessage = message => seen.events.push(JSON.parse(message.data).status)
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) ends.events = true }
}
</script>"""
"""Watches an order with a ticket, over a WebSocket and with an EventSource, until it is told the end of each."""


@pytest.fixture(scope="module")
async def page() -> AsyncIterator[str]:
    """The origin of a page that is no part of the mesh."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(PAGE)}\r\nconnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # browsers open connections that they do not use
            await reader.readuntil(b"\r\n\r\n")
            writer.write((head + PAGE).encode())
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"


@pytest.fixture(scope="module")
async def twins(tmp_path_factory: pytest.TempPathFactory, page: str) -> AsyncIterator[Stack]:
    """A mesh of its own whose orders have two replicas. The page may use it.

    Nobody is at work there: orders stay PENDING until a test starts the notifier. A test may stop, start and kill
    the other processes, and leaves them running.
    """
    state = StateDirectory(tmp_path_factory.mktemp("twins"))
    with state.locked():
        async with Supervisor(state, print) as supervisor:
            twins = await start_stack(
                Settings.read(isolated(os.environ) | TWINS | {"CORS_ORIGINS": page}), state, supervisor, print
            )
            await twins.stop("notifier")
            yield twins
    shutil.rmtree(state.data("mongo"))


@pytest.fixture
async def shop(twins: Stack) -> AsyncIterator[Shop]:
    """The mesh with two orders, its admin logged in."""
    async with httpx.AsyncClient(
        base_url=twins.environment["GATEWAY_URL"],
        trust_env=False,
        timeout=ANSWER_SECONDS,
        limits=httpx.Limits(max_connections=200),
    ) as http:
        shop = Shop(twins, http)
        await shop.log_in_admin()
        yield shop


def events_of(order_id: str) -> str:
    return f"/api/orders/{order_id}/events"


def statuses(messages: list[Any]) -> list[tuple[int, str]]:
    return [(message["version"], message["status"]) for message in messages]


async def pending_order(shop: Shop, token: str) -> str:
    answer = await shop.order(token, (await shop.item(5), 1))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["orderId"])


async def cancel(shop: Shop, token: str, order_id: str) -> None:
    answer = await shop.http.post(f"/api/orders/{order_id}/cancel", json={}, headers=bearer(token))
    assert answer.status_code == 200, answer.text


@asynccontextmanager
async def running(*sources: EventSource) -> AsyncIterator[None]:
    """The sources run for the length of the block, which begins when all have seen the first message."""
    async with asyncio.timeout(PATIENCE_SECONDS), AsyncExitStack() as stack:
        for source in sources:
            task = asyncio.create_task(source.run())
            stack.callback(task.cancel)
        await asyncio.gather(*(source.until(lambda source: bool(source.events)) for source in sources))
        yield


async def ended(*sources: EventSource) -> None:
    """Wait until all have been told that nothing comes any more."""
    await asyncio.gather(*(source.until(lambda source: source.status not in (0, 200)) for source in sources))


async def test_everybody_in_either_replica_sees_what_either_does(shop: Shop, ada: str) -> None:
    order_id = await pending_order(shop, ada)
    sources = [EventSource(shop.http, events_of(order_id), bearer(ada)) for _ in range(WATCHERS)]

    async with running(*sources):
        await cancel(shop, ada, order_id)
        await ended(*sources)

    assert {source.status for source in sources} == {204}
    assert [statuses(source.messages) for source in sources] == [[(1, "PENDING"), (2, "CANCELLED")]] * WATCHERS


async def test_without_redis_it_only_comes_later(twins: Stack, shop: Shop, ada: str) -> None:
    order_id = await pending_order(shop, ada)
    sources = [EventSource(shop.http, events_of(order_id), bearer(ada)) for _ in range(WATCHERS)]

    async with running(*sources):
        await twins.stop("redis")
        try:
            await cancel(shop, ada, order_id)
            await ended(*sources)
        finally:
            await twins.start("redis")

    assert [statuses(source.messages) for source in sources] == [[(1, "PENDING"), (2, "CANCELLED")]] * WATCHERS


async def test_replicas_that_are_killed_are_not_the_watchers_business(twins: Stack, shop: Shop, ada: str) -> None:
    order_id = await pending_order(shop, ada)
    sources = [EventSource(shop.http, events_of(order_id), bearer(ada)) for _ in range(WATCHERS)]

    async with running(*sources):
        for name in ORDERS:
            await twins.kill(name)
            await twins.wait_ready()
        await twins.start("notifier")
        await ended(*sources)
        await twins.stop("notifier")

    expected = [(1, "PENDING"), (2, "PROCESSING"), (3, "PROCESSED")]
    assert [statuses(source.messages) for source in sources] == [expected] * WATCHERS
    assert [(source.opened, source.status) for source in sources] == [(1, 204)] * WATCHERS, "no client came again"


async def test_a_gateway_that_is_restarted_is_come_back_to(twins: Stack, shop: Shop, ada: str) -> None:
    order_id = await pending_order(shop, ada)
    source = EventSource(shop.http, events_of(order_id), bearer(ada))

    async with running(source):
        await twins.stop("gateway")
        await twins.start("gateway")
        await source.until(lambda source: source.opened >= 2)
        await cancel(shop, ada, order_id)
        await ended(source)

    assert statuses(source.messages) == [(1, "PENDING"), (2, "CANCELLED")]


async def test_a_session_that_ends_ends_its_streams(shop: Shop) -> None:
    session = await new_session(shop)
    token = session["accessToken"]
    order_id = await pending_order(shop, token)
    source = EventSource(shop.http, events_of(order_id), bearer(token))

    async with running(source):
        await shop.http.post("/api/auth/logout", json={"refreshToken": session["refreshToken"]})
        await ended(source)

    assert statuses(source.messages) == [(1, "PENDING")]
    (name, problem) = source.events[-1]
    assert (name, problem["status"], problem["reason"]) == (ERROR, 401, "TOKEN_REVOKED")
    assert source.status == 401, "it came again, and was told to stop"


async def test_a_ticket_is_enough_for_who_can_send_no_header(shop: Shop, ada: str) -> None:
    order_id, other = await pending_order(shop, ada), await pending_order(shop, ada)
    answer = await shop.http.post("/api/auth/tickets", json={"orderId": order_id}, headers=bearer(ada))
    ticket = answer.json()["ticket"]
    source = EventSource(shop.http, f"{events_of(order_id)}?ticket={ticket}")

    async with running(source):
        elsewhere = await shop.http.get(f"{events_of(other)}?ticket={ticket}")
        await cancel(shop, ada, order_id)
        await ended(source)

    assert statuses(source.messages) == [(1, "PENDING"), (2, "CANCELLED")]
    assert (elsewhere.status_code, elsewhere.json()["reason"]) == (401, "TICKET_FOR_ANOTHER")


async def test_somebody_elses_order_looks_like_none(shop: Shop, ada: str) -> None:
    order_id = await pending_order(shop, await shop.customer())

    foreign = await shop.http.get(events_of(order_id), headers=bearer(ada))
    missing = await shop.http.get(events_of("0" * 32), headers=bearer(ada))

    assert (foreign.status_code, foreign.json()["reason"]) == (404, "ORDER_NOT_FOUND")
    assert (missing.status_code, missing.json()["reason"]) == (404, "ORDER_NOT_FOUND")


async def test_a_websocket_sees_an_order_become_processed(twins: Stack, shop: Shop, ada: str) -> None:
    order_id = await pending_order(shop, ada)
    url = f"{twins.environment['GATEWAY_URL'].replace('http', 'ws')}{events_of(order_id)}"

    async with connect(url, subprotocols=["ordermesh.v1", f"bearer.{ada}"], proxy=None) as socket:  # type: ignore[list-item] # they are only texts
        first = json.loads(await socket.recv())
        await twins.start("notifier")
        rest = [json.loads(text) async for text in socket]
        await twins.stop("notifier")

    assert statuses([first, *rest]) == [(1, "PENDING"), (2, "PROCESSING"), (3, "PROCESSED")]
    assert (socket.close_code, socket.subprotocol) == (1000, "ordermesh.v1")


async def test_a_page_sees_an_order_become_processed(
    twins: Stack, page: str, shop: Shop, ada: str, browser: Browser
) -> None:
    order_id = await pending_order(shop, ada)
    await browser.open(page)
    await browser.run("return watch(...arguments)", twins.environment["GATEWAY_URL"], ada, order_id)
    await browser.until("return seen.socket.length && seen.events.length")

    await twins.start("notifier")
    await browser.until("return ends.socket && ends.events")
    await twins.stop("notifier")

    expected = ["PENDING", "PROCESSING", "PROCESSED"]
    assert await browser.run("return seen") == {"socket": expected, "events": expected}
    assert await browser.run("return ends") == {"socket": 1000, "events": True}
    assert await browser.complaints() == []


async def test_a_page_of_another_origin_sees_nothing(
    twins: Stack, page: str, shop: Shop, ada: str, browser: Browser
) -> None:
    order_id = await pending_order(shop, ada)
    answer = await shop.http.post("/api/auth/tickets", json={"orderId": order_id}, headers=bearer(ada))
    await browser.open(page.replace(HOST, "localhost"))

    url = f"{twins.environment['GATEWAY_URL']}{events_of(order_id)}?ticket={answer.json()['ticket']}"
    await browser.run("open(arguments[0])", url)
    await browser.until("return ends.socket && ends.events")

    assert await browser.run("return [seen, ends.socket]") == [{"socket": [], "events": []}, 1006]

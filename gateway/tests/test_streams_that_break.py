"""Streams whose service goes away: a client sees nothing of it, as long as somebody goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import httpx
import pytest

from chassis.errors import ResourceExhausted, Unavailable
from chassis.streams import RESUMED_KEY
from chassis.testing import TEST_SERVER
from gateway import streaming, upstream
from gateway.app import SERVICES
from gateway.tests.backend import Backend, channels_to, gateway_over, gateway_to, listening
from gateway.tests.streams import (
    ORDER_ID,
    PATH,
    PATIENCE_SECONDS,
    Watched,
    broken,
    customer,
    events,
    in_turn,
    of,
    order,
    refused,
    versions,
    watching,
)
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2


@pytest.fixture
async def ada(backend: Backend, url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, headers=customer(backend), timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that broke are taken up at once."""
    monkeypatch.setattr(upstream, "BACKOFF_SECONDS_MIN", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_a_stream_that_broke_goes_on_and_the_client_sees_nothing(
    backend: Backend, ada: httpx.AsyncClient
) -> None:
    watched = backend.answers["WatchOrder"] = Watched(breaks=[broken(), broken(), broken()])

    seen = []
    async with watching(ada) as stream:
        for _ in range(3):
            await watched.move()
            seen.append(await stream.version())
        rest = await stream.rest()

    assert (seen, rest) == ([1, 2, 3], [])
    assert [call.request.after_version for call in backend.received] == [0, 1, 2, 3]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_it_goes_on_as_well_when_it_is_grpc_that_ends_it(
    backend: Backend, ada: httpx.AsyncClient, code: grpc.StatusCode
) -> None:
    async def script(request: Any, context: Any) -> AsyncIterator[Any]:
        yield order(request.after_version + 1)
        if request.after_version < 2:
            await context.abort(code, "max_age")

    backend.answers["WatchOrder"] = script

    answer = await ada.get(PATH)

    assert versions(answer.text) == [1, 2, 3]


async def test_a_connection_that_is_renewed_is_not_the_clients_business(backend: Backend) -> None:
    """With a real server, whose connections live a second and whose calls are cut another one later."""
    watched = backend.answers["WatchOrder"] = Watched()
    config = replace(TEST_SERVER, connection_age_seconds=1)
    async with (
        channels_to(SERVICES, backend, config) as channels,
        listening(gateway_to(SERVICES, channels)) as url,
        httpx.AsyncClient(base_url=url, headers=customer(backend), timeout=PATIENCE_SECONDS) as client,
        watching(client) as stream,
    ):
        await watched.move()
        first = await stream.version()
        await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)
        await watched.move(3)
        others = [await stream.version(), await stream.version()]

    assert [first, *others] == [1, 2, 3]
    assert [call.request.after_version for call in backend.received] == [0, 1]


@pytest.mark.usefixtures("at_once")
async def test_what_was_sent_before_is_not_sent_again(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = in_turn(of(order(1), order(2), error=broken()), of(order(1), order(2), order(3)))

    answer = await ada.get(PATH)

    assert versions(answer.text) == [1, 2, 3]


@pytest.mark.usefixtures("at_once")
async def test_a_call_that_goes_on_says_so_and_has_a_proof_of_its_own(backend: Backend) -> None:
    proofs = iter(["first", "second"])
    watched = backend.answers["WatchOrder"] = Watched(breaks=[broken()])
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels, proof=lambda: next(proofs))) as url,
        httpx.AsyncClient(base_url=url, headers=customer(backend)) as client,
        watching(client) as stream,
    ):
        await watched.move(3)
        assert await stream.version() == 1
        await stream.rest()

    said = [(call.metadata["x-gateway-authorization"], call.metadata.get(RESUMED_KEY)) for call in backend.received]
    assert said == [("Bearer first", None), ("Bearer second", "true")]


@pytest.mark.usefixtures("at_once")
async def test_a_stream_goes_on_when_its_ticket_cannot_be_used_any_more(backend: Backend) -> None:
    watched = backend.answers["WatchOrder"] = Watched(breaks=[broken()])
    until = datetime.now(UTC) + timedelta(seconds=2)
    ticket = backend.issuer.ticket("ada", ORDER_ID, exp=until)
    async with (
        channels_to(SERVICES, backend) as channels,
        listening(gateway_to(SERVICES, channels, proof=lambda: backend.issuer.service("gateway"))) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as client,
        watching(client, f"{PATH}?ticket={ticket}") as stream,
    ):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await client.head(PATH, params={"ticket": ticket})).status_code == 200:
                await asyncio.sleep(0.1)
        await watched.move()
        first = await stream.version()
        await watched.move(3)
        others = [await stream.version(), await stream.version()]

    assert [first, *others] == [1, 2, 3]


@pytest.mark.usefixtures("at_once")
async def test_a_service_that_stays_away_is_told_after_enough_tries(backend: Backend) -> None:
    backend.answers["WatchOrder"] = in_turn(of(order(1), error=broken()), of(error=broken()))
    async with gateway_over(SERVICES, backend) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        answer = await client.get(PATH, headers=customer(backend))

    problem = json.loads(events(answer.text)[-1]["data"])
    assert versions(answer.text) == [1]
    assert (problem["status"], problem["code"]) == (503, "UNAVAILABLE")
    assert len(backend.received) == upstream.RESUME_TRIES_MAX, "gRPC itself tries no stream again"


@pytest.mark.usefixtures("at_once")
async def test_a_replica_that_is_full_is_asked_again_for_what_is_open(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = in_turn(
        of(order(1), error=broken()), of(error=ResourceExhausted("more than 2000 streams")), of(order(2))
    )

    answer = await ada.get(PATH)

    assert versions(answer.text) == [1, 2]


async def test_a_service_that_is_away_from_the_beginning_is_503(
    backend: Backend, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "BACKOFF_SECONDS_MIN", 0.0)
    backend.answers["WatchOrder"] = refused(grpc.StatusCode.UNAVAILABLE)

    answer = await ada.get(PATH)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "10.0.0.7" not in answer.text


async def test_a_service_that_does_not_answer_is_504(
    backend: Backend, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = asyncio.Event()

    async def silent(_request: Any, _context: Any) -> AsyncIterator[Any]:
        try:
            await asyncio.Event().wait()
            yield order(1)
        finally:
            left.set()

    monkeypatch.setattr(streaming, "OPEN_SECONDS_MAX", 0.2)
    backend.answers["WatchOrder"] = silent

    answer = await ada.get(PATH)

    assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")
    await asyncio.wait_for(left.wait(), PATIENCE_SECONDS)


async def test_streams_that_break_leave_calls_their_budget_for_trying_again(backend: Backend) -> None:
    """Else hundreds of watchers on a replica that goes would take it from all who call meanwhile."""
    backend.answers["WatchOrder"] = of(error=broken())
    tried = 0

    async def get_order(*_: object) -> Any:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise Unavailable("restarting")
        return orders_pb2.Order(order_id="o-1")

    backend.answers["GetOrder"] = get_order
    async with gateway_over(SERVICES, backend) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        broke = await asyncio.gather(*(client.get(PATH, headers=customer(backend)) for _ in range(100)))

        answer = await client.get("/api/orders/o-1", headers=customer(backend))

    assert {response.status_code for response in broke} == {503}
    assert (answer.status_code, tried) == (200, 2)

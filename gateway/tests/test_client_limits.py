"""How many requests a client may make, and what it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from chassis.config import Secret
from chassis.errors import ResourceExhausted
from chassis.rate_limits import Limit, RateLimited, RateLimits
from chassis.redis import RedisConfig
from chassis.redis_counts import open_redis_counts
from chassis.shared_counts import MemoryCounts
from chassis.testing import ManualClock
from gateway.app import SERVICES
from gateway.client_limits import ClientLimit
from gateway.tests.backend import Backend, channels_to, gateway_to, listening
from gateway.tests.endpoints import Slow, gateway_of

LIMIT = Limit("client", 3, 60)
SECRET = Secret("s" * 32)
PATIENCE_SECONDS = 10


@asynccontextmanager
async def limited(clock: ManualClock, counts: MemoryCounts | None = None) -> AsyncIterator[httpx.AsyncClient]:
    slow = Slow()
    slow.go_on.set()
    limit = ClientLimit(LIMIT, RateLimits(counts or MemoryCounts(), SECRET, clock))
    gateway = gateway_of(slow, client_limit=limit)
    async with listening(gateway) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture
def clock() -> ManualClock:
    clock = ManualClock()
    clock.advance(60 - clock.now().timestamp() % 60)  # a window begins
    return clock


async def test_too_many_requests_of_a_client_are_refused(clock: ManualClock) -> None:
    async with limited(clock) as client:
        answers = [await client.get("/slow") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1].json()
    assert (refused["code"], refused["reason"]) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
    assert refused["metadata"] == {"limit": "client"}


async def test_answers_say_how_the_client_stands(clock: ManualClock) -> None:
    async with limited(clock) as client:
        first = await client.get("/slow")
        clock.advance(20)
        second = await client.get("/slow")

    assert first.headers["ratelimit-policy"] == '"client";q=3;w=60'
    assert first.headers["ratelimit"] == '"client";r=2;t=60'
    assert second.headers["ratelimit"] == '"client";r=1;t=40'


async def test_a_refused_client_is_told_when_to_come_back_and_is_then_served(clock: ManualClock) -> None:
    async with limited(clock) as client:
        for _ in range(3):
            await client.get("/slow")

        refused = await client.get("/slow")
        seconds = int(refused.headers["retry-after"])
        clock.advance(seconds)
        later = await client.get("/slow")

    assert refused.headers["ratelimit"] == f'"client";r=0;t={seconds}'
    assert seconds > 60, "a third of the last window's must be over as well"
    assert later.status_code == 200


async def test_errors_count_too(clock: ManualClock) -> None:
    async with limited(clock) as client:
        answer = await client.post("/echo", content=b"x" * 300_000)

    assert (answer.status_code, answer.headers["ratelimit"]) == (413, '"client";r=2;t=60')


async def test_probes_and_what_nobody_answers_are_not_counted(clock: ManualClock) -> None:
    async with limited(clock) as client:
        for _ in range(5):
            others = [await client.get("/healthz"), await client.get("/readyz"), await client.options("/slow")]
            others += [await client.get("/nowhere"), await client.post("/slow")]
        answer = await client.get("/slow")

    assert [other.status_code for other in others] == [200, 200, 204, 404, 405]
    assert not any("ratelimit" in other.headers for other in others)
    assert answer.headers["ratelimit"] == '"client";r=2;t=60'


async def test_the_body_of_a_refused_request_is_not_waited_for(clock: ManualClock) -> None:
    async with limited(clock) as client:
        for _ in range(3):
            await client.get("/slow")
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")

        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), PATIENCE_SECONDS)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 429 ")


async def test_each_client_behind_a_trusted_proxy_has_its_own(clock: ManualClock, backend: Backend) -> None:
    limit = ClientLimit(LIMIT, RateLimits(MemoryCounts(), SECRET, clock))
    async with channels_to(SERVICES, backend) as channels:
        gateway = gateway_to(SERVICES, channels, trusted=("127.0.0.1",), client_limit=limit)
        async with listening(gateway) as url, httpx.AsyncClient(base_url=url) as client:
            statuses = {
                address: [
                    (await client.get("/api/inventory", headers={"x-forwarded-for": address})).status_code
                    for _ in range(4)
                ]
                for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1")
            }
            neighbour = await client.get("/api/inventory", headers={"x-forwarded-for": "2001:db8::2"})

    assert set(map(tuple, statuses.values())) == {(200, 200, 200, 429)}
    assert neighbour.status_code == 429, "one /64 network is one client"


async def test_gateways_count_together(clock: ManualClock) -> None:
    counts = MemoryCounts()
    here, there = (RateLimits(counts, SECRET, clock) for _ in range(2))
    async with (
        listening(gateway_of(Slow(), client_limit=ClientLimit(LIMIT, here))) as url,
        listening(gateway_of(Slow(), client_limit=ClientLimit(LIMIT, there))) as other_url,
        httpx.AsyncClient() as client,
    ):
        for _ in range(3):
            await client.post(f"{url}/echo")
        await client.post(f"{other_url}/echo")
        for rates in (here, there):
            await rates.settle()

        answer = await client.post(f"{other_url}/echo")

    assert answer.status_code == 429


async def test_a_dead_redis_leaves_each_gateway_its_own_limit(clock: ManualClock) -> None:
    async with open_redis_counts(RedisConfig("redis://127.0.0.1:1/0")) as counts:
        rates = RateLimits(counts, SECRET, clock)
        loop = asyncio.create_task(rates.keep_settled())
        async with (
            listening(gateway_of(Slow(), client_limit=ClientLimit(LIMIT, rates))) as url,
            httpx.AsyncClient(base_url=url) as client,
        ):
            statuses = [(await client.post("/echo")).status_code for _ in range(4)]
        loop.cancel()

    assert statuses == [200, 200, 200, 429]


async def test_a_services_own_limit_keeps_its_wait(backend: Backend, anybody: httpx.AsyncClient) -> None:
    def refuse(*_: object) -> None:
        raise RateLimited(Limit("login-account", 10, 300), 41.2)

    backend.answers["Login"] = refuse

    answer = await anybody.post("/api/auth/login", json={})

    assert (answer.status_code, answer.json()["reason"]) == (429, "RATE_LIMITED")
    assert answer.headers["retry-after"] == "42"
    assert answer.json()["metadata"] == {"limit": "login-account"}
    assert "ratelimit" not in answer.headers, "the gateway does not know how others count"


async def test_an_endpoints_wait_is_passed_on() -> None:
    class Busy(Slow):
        async def answer(self, _request: object) -> None:  # type: ignore[override]
            raise ResourceExhausted("later", 7.5)

    async with listening(gateway_of(Busy())) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get("/slow")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "8")


async def test_without_a_limit_nothing_is_counted(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/api/inventory")

    assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)

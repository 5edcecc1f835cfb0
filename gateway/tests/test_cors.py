"""Pages of other origins: which are let in, and what they may send and read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from chassis.config import ConfigError, Environment
from gateway.cors import PREFLIGHT_SECONDS_MAX, Origins
from gateway.tests.backend import listening
from gateway.tests.endpoints import Slow, gateway_of

SHOP = "https://shop.example"
ANY = Origins(any=True)
ONLY_SHOP = Origins(frozenset({SHOP}))

PREFLIGHT = {"origin": SHOP, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}


@asynccontextmanager
async def gateway_for(origins: Origins) -> AsyncIterator[httpx.AsyncClient]:
    slow = Slow()
    slow.go_on.set()
    async with listening(gateway_of(slow, origins=origins)) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_a_page_of_an_allowed_origin_may_read_the_answer() -> None:
    async with gateway_for(ONLY_SHOP) as client:
        answer = await client.get("/slow", headers={"origin": SHOP})

    assert answer.headers["access-control-allow-origin"] == SHOP
    readable = set(answer.headers["access-control-expose-headers"].split(", "))
    assert readable >= {"location", "etag", "x-request-id", "retry-after", "idempotent-replayed"}
    assert readable >= {"ratelimit", "ratelimit-policy"}
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "origin"


async def test_a_page_may_read_its_errors() -> None:
    async with gateway_for(ONLY_SHOP) as client:
        answer = await client.get("/nowhere", headers={"origin": SHOP})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, SHOP)


async def test_a_preflight_says_what_may_be_sent() -> None:
    async with gateway_for(ONLY_SHOP) as client:
        answer = await client.options("/echo", headers=PREFLIGHT)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert answer.headers["access-control-max-age"] == str(PREFLIGHT_SECONDS_MAX)
    sendable = set(answer.headers["access-control-allow-headers"].split(", "))
    assert sendable >= {"authorization", "content-type", "idempotency-key", "x-request-id", "traceparent"}
    assert sendable >= {"if-none-match", "last-event-id", "grpc-timeout"}


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil",
        "https://a.shop.example",
        "https://SHOP.example",
        "https://shop.example/",
        "null",
        "",
        f"{SHOP}, {SHOP}",
    ],
)
async def test_another_origin_is_told_nothing(origin: str) -> None:
    async with gateway_for(ONLY_SHOP) as client:
        answers = [
            await client.get("/slow", headers={"origin": origin}),
            await client.options("/slow", headers=PREFLIGHT | {"origin": origin}),
        ]

    assert [cors_headers(answer) for answer in answers] == [{}, {}]
    assert [answer.headers["vary"] for answer in answers] == ["origin", "origin"]


async def test_without_an_origin_the_answer_still_says_that_it_would_depend_on_it() -> None:
    async with gateway_for(ONLY_SHOP) as client:
        answer = await client.get("/slow")

    assert (cors_headers(answer), answer.headers["vary"]) == ({}, "origin")


@pytest.mark.parametrize("headers", [{"origin": "https://anybody.example"}, {}])
async def test_any_origin_is_let_in_without_being_named(headers: dict[str, str]) -> None:
    """Nor need there be one: what a cache keeps of the answer may be for a page next."""
    async with gateway_for(ANY) as client:
        answer = await client.get("/slow", headers=headers)

    assert answer.headers["access-control-allow-origin"] == "*"
    assert "etag" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert "vary" not in answer.headers


async def test_nobody_is_let_in_when_nothing_is_configured() -> None:
    async with gateway_for(Origins()) as client:
        answers = [
            await client.get("/slow", headers={"origin": SHOP}),
            await client.options("/slow", headers=PREFLIGHT),
        ]

    assert [cors_headers(answer) for answer in answers] == [{}, {}]


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", Origins()),
        ("*", ANY),
        (SHOP, ONLY_SHOP),
        ("HTTPS://Shop.Example:443", ONLY_SHOP),
        (
            f"{SHOP} , http://localhost:3000,http://[::1]:80",
            Origins(frozenset({SHOP, "http://localhost:3000", "http://[::1]"})),
        ),
    ],
)
def test_origins_are_read_as_browsers_write_them(text: str, origins: Origins) -> None:
    env = Environment({"CORS_ORIGINS": text})

    assert Origins.read(env) == origins
    env.check()


@pytest.mark.parametrize(
    "text",
    ["shop.example", f"{SHOP}/", f"{SHOP}/api", "null", f"*, {SHOP}", "https://*.example", "ws://a", ",", "https://"],
)
def test_what_is_no_origin_is_named(text: str) -> None:
    env = Environment({"CORS_ORIGINS": text})

    Origins.read(env)

    with pytest.raises(ConfigError, match=r"^CORS_ORIGINS must be \* or a list"):
        env.check()

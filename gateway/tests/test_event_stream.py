"""A method that streams, as Server-Sent Events over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chassis.errors import NotFound, ResourceExhausted, Unauthenticated
from gateway import event_stream
from gateway.event_stream import RETRY_MILLISECONDS_MAX, RETRY_MILLISECONDS_MIN
from gateway.tests.backend import Backend, exchange, gateway_over
from gateway.tests.contracts import library
from gateway.tests.streams import (
    ORDER_ID,
    PATH,
    PATIENCE_SECONDS,
    Watched,
    broken,
    customer,
    events,
    of,
    order,
    versions,
    watching,
)


class TokenExpired(Unauthenticated):
    reason = "TOKEN_EXPIRED"


@pytest.fixture
async def ada(backend: Backend, url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, headers=customer(backend), timeout=PATIENCE_SECONDS) as client:
        yield client


async def test_a_message_is_an_event_whose_id_is_its_position(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = of(order(1), order(2))

    answer = await ada.get(PATH)

    retry, first, second = events(answer.text)
    assert RETRY_MILLISECONDS_MIN <= int(retry["retry"]) <= RETRY_MILLISECONDS_MAX
    assert (first["id"], second["id"]) == ("1", "2")
    assert json.loads(first["data"])["orderId"] == ORDER_ID
    assert set(first) == {"id", "data"}, "an event without a name is what onmessage hears"


async def test_the_head_says_that_nobody_may_keep_or_buffer_it(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = of(order(1))

    answer = await ada.get(PATH)

    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-length" not in answer.headers


async def test_data_is_one_line_whatever_is_in_it(backend: Backend, ada: httpx.AsyncClient) -> None:
    message = order(1)
    message.failure.message = "a\nb\r\nc\rd\u2028e"
    backend.answers["WatchOrder"] = of(message)

    answer = await ada.get(PATH)

    assert json.loads(events(answer.text)[1]["data"])["failure"]["message"] == "a\nb\r\nc\rd\u2028e"


async def test_each_message_comes_when_it_is_made(backend: Backend, ada: httpx.AsyncClient) -> None:
    watched = backend.answers["WatchOrder"] = Watched()

    seen = []
    async with watching(ada) as stream:
        for _ in range(3):
            await watched.move()
            seen.append(await stream.version())
        rest = await stream.rest()

    assert seen == [1, 2, 3]
    assert rest == []


async def test_who_is_let_in_hears_so_before_there_is_a_message(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = Watched()

    async with watching(ada) as stream:
        assert "retry" in await stream.event()


async def test_last_event_id_goes_on_behind_it_whatever_the_url_says(backend: Backend, ada: httpx.AsyncClient) -> None:
    await (watched := Watched()).move(3)
    backend.answers["WatchOrder"] = watched

    begin = await ada.get(PATH)
    after = await ada.get(PATH, params={"afterVersion": 1})
    again = await ada.get(PATH, params={"after_version": 1}, headers={"last-event-id": "2"})

    assert [versions(answer.text) for answer in (begin, after, again)] == [[1, 2, 3], [2, 3], [3]]


async def test_204_tells_an_event_source_to_stop(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = Watched()

    answer = await ada.get(PATH, headers={"last-event-id": "3"})

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("text", ["x", "1.5", "99999999999999999999", "é"])
async def test_an_id_that_no_event_had_is_refused(backend: Backend, ada: httpx.AsyncClient, text: str) -> None:
    answer = await ada.get(PATH, headers=[(b"last-event-id", text.encode())])

    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, "afterVersion")
    assert backend.received == []


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/event-stream", 200),
        ("*/*", 200),
        ("text/*", 200),
        ("", 200),
        ("application/json, text/event-stream;q=0.1", 200),
        ("application/json", 406),
        ("text/event-stream;q=0, */*", 406),
    ],
)
async def test_a_client_must_take_events(backend: Backend, ada: httpx.AsyncClient, accept: str, status: int) -> None:
    backend.answers["WatchOrder"] = of(order(1))

    answer = await ada.get(PATH, headers={"accept": accept})

    assert answer.status_code == status


async def test_head_says_what_get_would_and_leaves(backend: Backend, ada: httpx.AsyncClient) -> None:
    watched = backend.answers["WatchOrder"] = Watched()

    answer = await ada.head(PATH)

    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "text/event-stream", b"")
    await asyncio.wait_for(watched.left.wait(), PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [(NotFound("no such order"), 404, "NOT_FOUND"), (ResourceExhausted("too many"), 429, "OVERLOADED")],
)
async def test_what_is_wrong_from_the_beginning_is_an_ordinary_answer(
    backend: Backend, ada: httpx.AsyncClient, error: Exception, status: int, reason: str
) -> None:
    backend.answers["WatchOrder"] = of(error=error)

    answer = await ada.get(PATH)

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(backend.received) == 1


async def test_what_goes_wrong_late_is_the_last_event(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = of(order(1), error=TokenExpired("the token has expired"))

    answer = await ada.get(PATH, headers={"x-request-id": "r-1"})

    _, message, error = events(answer.text)
    problem = json.loads(error["data"])
    assert (answer.status_code, message["id"]) == (200, "1")
    assert (error["event"], "id" in error) == ("error", False)
    assert (problem["status"], problem["reason"], problem["request_id"]) == (401, "TOKEN_EXPIRED", "r-1")
    assert problem["instance"] == PATH


async def test_a_message_that_json_cannot_hold_is_told_too(backend: Backend, ada: httpx.AsyncClient) -> None:
    too_late = order(2)
    too_late.create_time.seconds = 253_402_300_800  # the year 10,000
    backend.answers["WatchOrder"] = of(order(1), too_late)

    answer = await ada.get(PATH)

    assert versions(answer.text) == [1]
    assert json.loads(events(answer.text)[-1]["data"])["code"] == "INTERNAL"


async def test_an_exception_of_the_service_is_told_without_its_words(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = of(order(1), error=ValueError("s3cret"))

    answer = await ada.get(PATH)

    assert json.loads(events(answer.text)[-1]["data"])["code"] == "INTERNAL"
    assert "s3cret" not in answer.text


async def test_a_stream_has_the_deadline_that_its_client_gave(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = Watched()

    answer = await ada.get(PATH, headers={"grpc-timeout": "300m"})

    assert json.loads(events(answer.text)[-1]["data"])["code"] == "DEADLINE_EXCEEDED"
    assert backend.last.seconds_left < 0.3


async def test_without_one_it_has_an_hour(backend: Backend, ada: httpx.AsyncClient) -> None:
    backend.answers["WatchOrder"] = of(order(1))

    await ada.get(PATH)

    assert 3590 < backend.last.seconds_left < 3620, "gRPC rounds it on the wire"


async def test_silence_is_broken_by_comments(
    backend: Backend, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)
    backend.answers["WatchOrder"] = Watched()

    async with watching(ada) as stream:
        came = [await stream.event() for _ in range(3)]

    assert came[1:] == [{"": ":"}, {"": ":"}]


async def test_any_method_that_streams_does_so_without_positions_too(backend: Backend) -> None:
    service = library(get="/books/{book_id}", server_streaming=True)

    async def books(request: Any, _context: Any) -> AsyncIterator[Any]:
        for page in (1, 2):
            yield type(request)(book_id=request.book_id, page=page)
        raise broken()

    backend.answers["Find"] = books
    async with gateway_over({"library": service}, backend) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get("/books/emma", headers={"last-event-id": "7"})

    retry, first, second, error = events(answer.text)
    assert (set(retry), set(first)) == ({"retry"}, {"data"})
    assert [json.loads(event["data"])["page"] for event in (first, second)] == [1, 2]
    assert error["event"] == "error", "nobody knows where it could go on"
    assert len(backend.received) == 1


async def test_http_1_0_gets_its_events_too(backend: Backend, url: str) -> None:
    backend.answers["WatchOrder"] = of(order(1))
    head = f"GET {PATH} HTTP/1.0\r\nauthorization: {customer(backend)['authorization']}\r\n\r\n"

    answer = await exchange(url, head.encode())

    header, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in header
    assert b"transfer-encoding" not in header
    assert body.startswith(b"retry: ")
    assert versions(body.decode()) == [1]

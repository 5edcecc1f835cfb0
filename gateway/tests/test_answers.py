"""What HTTP says about an answer, and about requests that no service sees."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.body import BODY_BYTES_MAX
from gateway.tests.backend import Backend, exchange, listening
from gateway.tests.endpoints import Page, Slow, gateway_of
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2

JSON = {"content-type": "application/json"}


async def test_an_answer_is_json(backend: Backend, anybody: httpx.AsyncClient) -> None:
    backend.answers["GetItem"] = lambda request, _: inventory_pb2.Item(sku=request.sku, version=7)

    answer = await anybody.get("/api/inventory/LAMP")

    assert answer.status_code == 200
    assert answer.json() == {"sku": "LAMP", "name": "", "available": 0, "version": "7"}
    assert answer.headers["content-type"] == "application/json"
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/api/inventory/LAMP", "/api/inventory", "/nowhere", "/healthz"])
async def test_a_browser_neither_runs_nor_frames_nor_guesses_at_an_answer(
    anybody: httpx.AsyncClient, path: str
) -> None:
    answer = await anybody.get(path)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_an_endpoint_can_have_a_policy_of_its_own() -> None:
    async with listening(gateway_of(Slow(), Page())) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get(Page.route)

    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_answer_says_how_its_call_is_called(anybody: httpx.AsyncClient, backend: Backend) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    given = await anybody.get("/api/inventory", headers={"x-request-id": "r-1", "traceparent": trace})
    made = await anybody.get("/api/inventory")

    assert (given.headers["x-request-id"], given.headers["traceresponse"]) == ("r-1", trace)
    metadata = backend.last.metadata
    assert (made.headers["x-request-id"], made.headers["traceresponse"]) == (
        metadata["x-request-id"],
        metadata["traceparent"],
    )


async def test_a_create_is_201_and_says_where_it_is(backend: Backend, root: httpx.AsyncClient) -> None:
    backend.answers["CreateOrder"] = lambda *_: orders_pb2.Order(order_id="o 1/2")

    answer = await root.post("/api/orders", json={"items": [{"sku": "LAMP", "quantity": 1}]})

    assert (answer.status_code, answer.headers["location"]) == (201, "/api/orders/o%201%2F2")
    assert answer.json()["orderId"] == "o 1/2"


async def test_pages_are_asked_for_in_either_spelling(backend: Backend, anybody: httpx.AsyncClient) -> None:
    for query in ("page_size=5&page_token=t", "pageSize=5&pageToken=t"):
        await anybody.get(f"/api/inventory?{query}")

        assert (backend.last.request.page_size, backend.last.request.page_token) == (5, "t")


async def test_a_slash_in_a_variable_belongs_to_it(backend: Backend, anybody: httpx.AsyncClient) -> None:
    await anybody.get("/api/inventory/a%2Fb%20c")

    assert backend.last.request.sku == "a/b c"


async def test_head_is_get_without_the_body(backend: Backend, anybody: httpx.AsyncClient) -> None:
    get = await anybody.get("/api/inventory/LAMP")
    head = await anybody.head("/api/inventory/LAMP")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))
    assert [received.method for received in backend.received] == ["GetItem", "GetItem"]


async def test_options_says_what_can_be_used(backend: Backend, anybody: httpx.AsyncClient) -> None:
    answer = await anybody.options("/api/orders")

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert backend.received == []


async def test_options_of_the_server_as_a_whole(url: str) -> None:
    answer = await exchange(url, b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" in answer


async def test_a_wrong_verb_is_405_and_says_what_can_be_used(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.delete("/api/inventory/LAMP")

    assert (answer.status_code, answer.json()["reason"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD, PATCH, OPTIONS"


@pytest.mark.parametrize("path", ["/", "/api", "/api/order", "/api/orders/", "/api/orders/1/2/3", "//api/orders"])
async def test_an_unknown_path_is_404(anybody: httpx.AsyncClient, url: str, path: str) -> None:
    answer = await anybody.get(f"{url}{path}")

    assert (answer.status_code, answer.json()["reason"]) == (404, "PATH_NOT_FOUND")


async def test_methods_for_services_have_no_path(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.post("/ordermesh.inventory.v1.InventoryService/ReserveStock", json={})

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("application/*;q=0.1", 200),
        ("text/html, application/xhtml+xml, */*;q=0.8", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("application/json;q=0, */*", 406),
        ("application/problem+json", 406),
    ],
)
async def test_a_client_that_takes_no_json_is_told(anybody: httpx.AsyncClient, accept: str, status: int) -> None:
    answer = await anybody.get("/api/inventory", headers={"accept": accept})

    assert answer.status_code == status
    if status == 406:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["reason"] == "NOT_ACCEPTABLE"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json;charset=utf-8", 200),
        ('Application/JSON; charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/json", 415),
        ("", 415),
    ],
)
async def test_only_json_is_taken(anybody: httpx.AsyncClient, content_type: str, status: int) -> None:
    answer = await anybody.post("/api/auth/login", content=b"{}", headers={"content-type": content_type})

    assert answer.status_code == status
    if status == 415:
        assert (answer.json()["reason"], answer.headers["accept"]) == ("UNSUPPORTED_MEDIA_TYPE", "application/json")


async def test_a_compressed_body_is_not_taken(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.post("/api/auth/login", content=b"\x1f\x8b", headers={**JSON, "content-encoding": "gzip"})

    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")


async def test_an_empty_body_needs_no_type(root: httpx.AsyncClient) -> None:
    assert (await root.post("/api/orders/o-1/cancel")).status_code == 200


async def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(
    backend: Backend, anybody: httpx.AsyncClient
) -> None:
    filler = b" " * (BODY_BYTES_MAX - 2)

    assert (await anybody.post("/api/auth/login", content=b"{}" + filler, headers=JSON)).status_code == 200
    answer = await anybody.post("/api/auth/login", content=b"{} " + filler, headers=JSON)

    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")
    assert len(backend.received) == 1


async def test_a_streamed_body_is_counted_as_it_comes(backend: Backend, anybody: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 65536 + 1):
            yield b" " * 65536

    answer = await anybody.post("/api/auth/login", content=chunks(), headers=JSON)

    assert (answer.status_code, backend.received) == (413, [])


async def test_the_connection_outlives_a_refused_body(anybody: httpx.AsyncClient) -> None:
    await anybody.post("/api/auth/login", content=b" " * (BODY_BYTES_MAX + 1), headers=JSON)

    assert (await anybody.get("/healthz")).status_code == 200


async def test_a_bad_body_reaches_no_service_and_names_every_field(backend: Backend, root: httpx.AsyncClient) -> None:
    items: list[dict[str, Any]] = [{"sku": "LAMP", "quantity": "two"}, {"sku": "DESK", "quantity": 1, "colour": "red"}]

    answer = await root.post("/api/orders", json={"items": items, "note": ""})

    document = answer.json()
    assert (answer.status_code, document["code"], document["reason"]) == (400, "INVALID_ARGUMENT", "INVALID_REQUEST")
    fields = [violation["field"] for violation in document["violations"]]
    assert fields == ["items[0].quantity", "items[1].colour", "note"]
    assert backend.received == []


async def test_a_key_given_twice_is_refused(backend: Backend, anybody: httpx.AsyncClient) -> None:
    answer = await anybody.post("/api/auth/login", content=b'{"email": "a", "email": "b"}', headers=JSON)

    assert answer.json()["violations"] == [{"field": "email", "description": "is given twice"}]
    assert backend.received == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"\\ud800": 1}', "?"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "?"),
        (b'{"email": {"\\udfff": 1}}', "email"),
        (b'{"email": "\\ud800"}', "email"),
    ],
)
async def test_half_a_surrogate_pair_is_a_violation(
    backend: Backend, anybody: httpx.AsyncClient, body: bytes, field: str
) -> None:
    answer = await anybody.post("/api/auth/login", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["violations"][0]["field"] == field
    assert backend.received == []


@pytest.mark.parametrize("text", [b"%ff", b"%c0%ae", b"%zz", b"%4", b"%"])
async def test_a_path_that_is_not_percent_encoded_utf8_is_400(url: str, text: bytes) -> None:
    raw = await exchange(url, b"GET /api/inventory/" + text + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answer = httpx.Response(int(raw[9:12]), content=raw.partition(b"\r\n\r\n")[2])

    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, "path")

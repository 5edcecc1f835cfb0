"""gzip: for whom, of what, and of what not."""

import gzip

import httpx
import pytest

from gateway.compression import COMPRESSED_BYTES_MIN
from gateway.tests.backend import Backend, listening
from gateway.tests.endpoints import Page, Slow, gateway_of
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2

GZIP = {"accept-encoding": "gzip"}


@pytest.fixture(autouse=True)
def shelf(backend: Backend) -> None:
    """A list that is large, and a name that is not."""
    items = [inventory_pb2.Item(sku=f"LAMP-{number}", name="A lamp", version=1) for number in range(50)]
    backend.answers["ListItems"] = lambda *_: inventory_pb2.ListItemsResponse(items=items)


async def test_a_large_list_is_compressed(anybody: httpx.AsyncClient) -> None:
    plain = await anybody.get("/api/inventory", headers={"accept-encoding": "identity"})
    packed = await anybody.get("/api/inventory", headers=GZIP)

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 5
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"


async def test_head_promises_what_get_sends(anybody: httpx.AsyncClient) -> None:
    get = await anybody.get("/api/inventory", headers=GZIP)
    head = await anybody.head("/api/inventory", headers=GZIP)

    for header in ("content-encoding", "content-length", "vary"):
        assert head.headers[header] == get.headers[header]


@pytest.mark.parametrize(
    ("accept_encoding", "is_compressed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5, br", True),
        ("GZIP; Q=1", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("gzip;q=nonsense", False),
        ("br", False),
        ("identity", False),
        ("", False),
    ],
)
async def test_it_is_done_for_whom_it_is_welcome(
    anybody: httpx.AsyncClient, accept_encoding: str, is_compressed: bool
) -> None:
    answer = await anybody.get("/api/inventory", headers={"accept-encoding": accept_encoding})

    assert ("content-encoding" in answer.headers) == is_compressed


@pytest.mark.parametrize(("size", "is_compressed"), [(COMPRESSED_BYTES_MIN - 1, False), (COMPRESSED_BYTES_MIN, True)])
async def test_what_is_small_is_left_alone(size: int, is_compressed: bool) -> None:
    page = Page(b"x" * size, b"text/html")
    async with listening(gateway_of(Slow(), page)) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get(Page.route, headers=GZIP)

    assert ("content-encoding" in answer.headers) == is_compressed
    assert answer.content == page.response.body


async def test_what_is_compressed_already_is_left_alone() -> None:
    text = b"<html>" * 1000
    page = Page(gzip.compress(text, 0), b"text/html")
    page.response.headers.append((b"content-encoding", b"gzip"))
    async with listening(gateway_of(Slow(), page)) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get(Page.route, headers=GZIP)

    assert (answer.headers.get_list("content-encoding"), answer.content) == (["gzip"], text)


async def test_a_picture_is_left_alone() -> None:
    page = Page(b"x" * 10_000, b"image/png")
    async with listening(gateway_of(Slow(), page)) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get(Page.route, headers=GZIP)

    assert "content-encoding" not in answer.headers


async def test_tokens_are_never_compressed(backend: Backend, anybody: httpx.AsyncClient) -> None:
    backend.answers["Login"] = lambda *_: auth_pb2.TokenPair(access_token="t" * 5000)

    answer = await anybody.post("/api/auth/login", json={}, headers=GZIP)

    assert (answer.status_code, answer.headers.get("content-encoding")) == (200, None)


async def test_the_tag_of_an_answer_does_not_depend_on_its_encoding(
    backend: Backend, anybody: httpx.AsyncClient
) -> None:
    backend.answers["GetItem"] = lambda *_: inventory_pb2.Item(sku="LAMP", name="A lamp" * 500, version=1)

    packed = await anybody.get("/api/inventory/LAMP", headers=GZIP)
    plain = await anybody.get("/api/inventory/LAMP", headers={"accept-encoding": "identity"})
    again = await anybody.get("/api/inventory/LAMP", headers=GZIP | {"if-none-match": packed.headers["etag"]})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] == plain.headers["etag"]
    assert packed.headers["vary"] == "authorization, accept-encoding"
    assert again.status_code == 304

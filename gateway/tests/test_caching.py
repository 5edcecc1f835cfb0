"""What caches may do: an answer with a version is told once, and then only whether it is still the same."""

from typing import Any

import httpx
import pytest

from chassis import errors
from gateway.caching import PUBLIC_SECONDS_MAX
from gateway.tests.backend import Backend
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2

ITEM, ORDER = "/api/inventory/LAMP", "/api/orders/o-1"


@pytest.fixture
def lamp(backend: Backend) -> inventory_pb2.Item:
    """The item that inventory answers with; admins see more of it."""
    item = inventory_pb2.Item(sku="LAMP", available=5, version=7)

    def get(_: object, context: Any) -> inventory_pb2.Item:
        seen = inventory_pb2.Item()
        seen.CopyFrom(item)
        if "authorization" in dict(context.invocation_metadata() or ()):
            seen.sold = 3
        return seen

    backend.answers["GetItem"] = get
    return item


async def test_an_item_that_did_not_change_is_not_sent_again(
    lamp: inventory_pb2.Item, anybody: httpx.AsyncClient
) -> None:
    first = await anybody.get(ITEM)
    again = await anybody.get(ITEM, headers={"if-none-match": first.headers["etag"]})
    lamp.version, lamp.available = 8, 4
    changed = await anybody.get(ITEM, headers={"if-none-match": first.headers["etag"]})

    assert first.headers["etag"].startswith('W/"7-')
    assert (again.status_code, again.content) == (304, b"")
    assert not {"content-type", "content-length"} & set(again.headers)
    for header in ("etag", "cache-control", "vary"):
        assert again.headers[header] == first.headers[header]
    assert (changed.status_code, changed.json()["available"]) == (200, 4)
    assert changed.headers["etag"].startswith('W/"8-')


async def test_an_order_that_did_not_change_is_not_sent_again(backend: Backend, root: httpx.AsyncClient) -> None:
    backend.answers["GetOrder"] = lambda *_: orders_pb2.Order(order_id="o-1", version=2)
    first = await root.get(ORDER)

    again = await root.get(ORDER, headers={"if-none-match": first.headers["etag"]})

    assert (first.headers["etag"][:4], again.status_code) == ('W/"2', 304)


@pytest.mark.parametrize("path", [ORDER, "/api/docs", "/api/openapi.json"])
@pytest.mark.parametrize("accept_encoding", ["gzip", "identity"])
async def test_not_modified_has_the_headers_of_what_was_not(
    backend: Backend, root: httpx.AsyncClient, path: str, accept_encoding: str
) -> None:
    """Caches put them in the place of those that they have: a page would lose its policy."""
    items = [orders_pb2.OrderItem(sku=f"LAMP-{number}") for number in range(100)]
    backend.answers["GetOrder"] = lambda *_: orders_pb2.Order(order_id="o-1", version=2, items=items)
    headers = {"accept-encoding": accept_encoding, "x-request-id": "r-1"}
    first = await root.get(path, headers=headers)

    again = await root.get(path, headers=headers | {"if-none-match": first.headers["etag"]})

    assert (first.status_code, again.status_code) == (200, 304)
    others = {"date", "traceresponse", "content-type", "content-encoding", "content-length"}
    kept, had = (
        {name: value for name, value in answer.headers.items() if name not in others} for answer in (again, first)
    )
    assert kept == had


async def test_what_an_admin_sees_is_never_taken_for_what_others_see(
    lamp: inventory_pb2.Item, anybody: httpx.AsyncClient, root: httpx.AsyncClient
) -> None:
    seen_by_anybody = await anybody.get(ITEM)

    seen_by_admin = await root.get(ITEM, headers={"if-none-match": seen_by_anybody.headers["etag"]})

    assert (seen_by_admin.status_code, seen_by_admin.json()["sold"]) == (200, 3)
    assert seen_by_anybody.headers["vary"] == "authorization"
    assert seen_by_anybody.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("{tag}", 304),
        ("{strong}", 304),
        ('"other", {tag}', 304),
        ('W/"a,b" ,{tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("{bare}", 200),
        ("", 200),
        ('"', 200),
        ('W/"7"', 200),
    ],
)
async def test_tags_are_compared_weakly(
    lamp: inventory_pb2.Item, anybody: httpx.AsyncClient, given: str, status: int
) -> None:
    tag = (await anybody.get(ITEM)).headers["etag"]
    strong = tag.removeprefix("W/")

    answer = await anybody.get(ITEM, headers={"if-none-match": given.format(tag=tag, strong=strong, bare=strong[1:-1])})

    assert answer.status_code == status


async def test_head_says_the_same(lamp: inventory_pb2.Item, anybody: httpx.AsyncClient) -> None:
    head = await anybody.head(ITEM)
    again = await anybody.head(ITEM, headers={"if-none-match": head.headers["etag"]})

    assert (head.status_code, again.status_code) == (200, 304)
    assert head.headers["etag"] == (await anybody.get(ITEM)).headers["etag"]


async def test_an_error_comes_before_not_modified(backend: Backend, root: httpx.AsyncClient) -> None:
    def refuse(*_: object) -> None:
        raise errors.NotFound("there is no such order")

    backend.answers["GetOrder"] = refuse

    answer = await root.get(ORDER, headers={"if-none-match": "*"})

    assert answer.status_code == 404
    assert (answer.headers["cache-control"], answer.headers.get("etag")) == ("no-store", None)


async def test_a_write_has_no_tag(backend: Backend, root: httpx.AsyncClient) -> None:
    backend.answers["CancelOrder"] = lambda *_: orders_pb2.Order(order_id="o-1", version=2)

    answer = await root.post(f"{ORDER}/cancel")

    assert (answer.status_code, answer.headers.get("etag")) == (200, None)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("condition", ["if-match", "if-none-match", "if-unmodified-since"])
async def test_a_write_under_a_condition_is_refused_and_not_done_anyway(
    backend: Backend, root: httpx.AsyncClient, condition: str
) -> None:
    answer = await root.patch(ITEM, json={"name": "A lamp"}, headers={condition: 'W/"7-00000000"'})

    assert (answer.status_code, answer.json()["reason"]) == (400, "CONDITION_NOT_SUPPORTED")
    assert backend.received == []


@pytest.mark.parametrize(
    ("path", "cache_control"),
    [
        ("/api/inventory", "no-store"),
        ("/healthz", "no-store"),
        ("/nowhere", "no-store"),
        ("/.well-known/jwks.json", f"public, max-age={PUBLIC_SECONDS_MAX}"),
    ],
)
async def test_everything_says_whether_it_may_be_kept(
    anybody: httpx.AsyncClient, path: str, cache_control: str
) -> None:
    answer = await anybody.get(path)

    assert answer.headers["cache-control"] == cache_control

from typing import Any

import grpc
import pytest

from gateway.app import SERVICES
from gateway.errors import UnsupportedRule
from gateway.rules import read_rules
from gateway.tests.backend import gateway_to
from gateway.tests.contracts import library


def test_the_contract_is_the_routing_table() -> None:
    routes = {(rule.verb, rule.template.text): rule.method.name for rule in read_rules(SERVICES.values())}

    assert routes["POST", "/api/orders"] == "CreateOrder"
    assert routes["GET", "/api/orders/{order_id}"] == "GetOrder"
    assert routes["PATCH", "/api/inventory/{sku}"] == "UpdateItem"
    assert routes["GET", "/.well-known/jwks.json"] == routes["GET", "/api/auth/jwks.json"] == "GetJsonWebKeySet"
    assert "ReserveStock" not in routes.values()


@pytest.mark.parametrize(
    ("http", "why"),
    [
        ({"get": "/books/**"}, r"Find \(/books/\*\*\): .*wildcards"),
        ({"get": "/books/*"}, r"Find \(/books/\*\): .*wildcards"),
        ({"get": "/books/{book_id=shelf/*}"}, r"Find \(/books/\{book_id=shelf/\*\}\): .*whole segments"),
        ({"post": "/books:find"}, r"Find \(/books:find\): .*custom verbs"),
        ({"get": "/books/{title}"}, r"Find \(/books/\{title\}\): .*no field `title`"),
        ({"get": "/books/{tags}"}, "`tags` is not a single value"),
        ({"get": "/books/{author}"}, "no field `author` that a path can hold"),
        ({"get": "/books/{print_time}"}, "`print_time` is not a single value"),
        ({"get": "/books", "body": "*"}, "get has no body"),
        ({"post": "/books", "body": "title"}, "no field `title` for the body"),
        ({"post": "/books", "response_body": "author"}, r"Find \(/books\): response_body"),
        ({"custom": {"kind": "TRACE", "path": "/books"}}, r"Find \(/books\): the pattern `custom`"),
        ({"post": "/books", "created": "/books/{title}"}, "Location /books/{title}"),
        ({"get": "/books", "resume": ("page", "page")}, "Find does not stream: it has nothing to resume"),
        ({"get": "/b", "server_streaming": True, "resume": ("page", "title")}, "no field `title` that counts"),
        ({"get": "/b", "server_streaming": True, "resume": ("tags", "page")}, "no field `tags` that counts"),
        ({"get": "/b", "server_streaming": True, "resume": ("weight", "page")}, "no field `weight` that counts"),
        ({"get": "/books", "additional": [{"get": "/b/*"}]}, r"Find \(/b/\*\)"),
        ({"get": "/books", "additional": [{"get": "/b", "additional": [{"get": "/c"}]}]}, r"Find \(/b\): bindings"),
    ],
)
def test_what_is_not_supported_stops_the_start_and_names_the_method(http: dict[str, Any], why: str) -> None:
    with pytest.raises(UnsupportedRule, match=f"library.v1.Library.*{why}" if why.startswith("Find") else why):
        read_rules([library(**http)])


async def test_two_methods_for_one_path_stop_the_start() -> None:
    service = library(get="/books/{book_id}", additional=[{"get": "/books/{isbn}"}])

    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        with pytest.raises(UnsupportedRule, match="two methods answer GET /books"):
            gateway_to({"library": service}, {"library": channel})

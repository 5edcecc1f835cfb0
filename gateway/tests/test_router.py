import pytest

from chassis.errors import InvalidArgument
from gateway.errors import MethodNotAllowed, PathNotFound
from gateway.router import Router
from gateway.template import parse_template


@pytest.fixture
def router() -> Router[str]:
    router: Router[str] = Router()
    for verb, path in [
        ("GET", "/api/orders"),
        ("POST", "/api/orders"),
        ("GET", "/api/orders/{id}"),
        ("POST", "/api/orders/{id}/cancel"),
        ("GET", "/api/orders/stats"),
        ("GET", "/api/orders/stats/{year}/days"),
        ("DELETE", "/api/{kind}/stats"),
    ]:
        router.add(verb, parse_template(path), f"{verb} {path}")
    return router


@pytest.mark.parametrize(
    ("verb", "path", "endpoint", "values"),
    [
        ("GET", b"/api/orders", "GET /api/orders", ()),
        ("HEAD", b"/api/orders", "GET /api/orders", ()),
        ("GET", b"/api/orders/42", "GET /api/orders/{id}", ("42",)),
        ("GET", b"/api/orders/stats", "GET /api/orders/stats", ()),
        ("POST", b"/api/orders/stats/cancel", "POST /api/orders/{id}/cancel", ("stats",)),
        ("GET", b"/api/orders/stats/2026/days", "GET /api/orders/stats/{year}/days", ("2026",)),
        ("DELETE", b"/api/orders/stats", "DELETE /api/{kind}/stats", ("orders",)),
        ("GET", b"/api/orders/a%2Fb", "GET /api/orders/{id}", ("a/b",)),
        ("GET", b"/api/orders/%C3%A4%20%25", "GET /api/orders/{id}", ("ä %",)),
        ("GET", b"/api/orders/a+b", "GET /api/orders/{id}", ("a+b",)),
        ("GET", b"/api/%6Frders", "GET /api/orders", ()),
    ],
)
def test_the_most_literal_route_with_the_verb_answers(
    router: Router[str], verb: str, path: bytes, endpoint: str, values: tuple[str, ...]
) -> None:
    assert router.find(verb, path) == (endpoint, values)


@pytest.mark.parametrize(
    "path", [b"", b"/", b"api/orders", b"/api", b"/api/orders/", b"/api//orders", b"/api/orders/1/2", b"/API/orders"]
)
def test_other_paths_are_not_found(router: Router[str], path: bytes) -> None:
    with pytest.raises(PathNotFound):
        router.find("GET", path)


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("PUT", b"/api/orders", "GET, HEAD, POST, OPTIONS"),
        ("GET", b"/api/orders/1/cancel", "POST, OPTIONS"),
        ("POST", b"/api/orders/stats", "GET, HEAD, DELETE, OPTIONS"),
    ],
)
def test_another_verb_is_told_which_ones_there_are(router: Router[str], verb: str, path: bytes, allowed: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        router.find(verb, path)

    assert caught.value.headers == {"allow": allowed}


@pytest.mark.parametrize("segment", [b"%ff", b"%C3", b"%", b"%2", b"%zz", b"100%"])
def test_a_path_that_is_not_percent_encoded_utf8_is_invalid(router: Router[str], segment: bytes) -> None:
    with pytest.raises(InvalidArgument):
        router.find("GET", b"/api/orders/" + segment)

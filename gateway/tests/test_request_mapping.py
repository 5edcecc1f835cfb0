"""Path, query and body to the request message, over the wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.query import PARAMETERS_MAX
from gateway.tests.backend import Backend, gateway_over
from gateway.tests.contracts import library


@asynccontextmanager
async def serving(**http: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Backend]]:
    backend = Backend()
    async with (
        gateway_over({"library": library(**http)}, backend) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client, backend


@pytest.fixture(scope="module")
async def books() -> AsyncIterator[tuple[httpx.AsyncClient, Backend]]:
    """A service found by path and query, by a body, and by a body that is one field."""
    additional = [
        {"get": "/authors/{author.full_name}/born/{author.birth_year}"},
        {"put": "/books/{book_id}", "body": "*"},
        {"patch": "/books/{book_id}/author", "body": "author"},
        {"patch": "/books/{book_id}/tags", "body": "tags"},
        {"delete": "/books/{book_id}"},
        {"get": "/kinds/{kind}/{lent}"},
        {"get": "/authors/{author.full_name}"},
        {"get": "/shelves/{shelf}"},
        {"put": "/shelves/{shelf}", "body": "*"},
        {"patch": "/books/{book_id}/isbn", "body": "isbn"},
    ]
    async with serving(get="/books", additional=additional) as served:
        yield served


def invalid(answer: httpx.Response) -> dict[str, str]:
    document = answer.json()
    assert (answer.status_code, document["reason"]) == (400, "INVALID_REQUEST")
    return {violation["field"]: violation["description"] for violation in document["violations"]}


async def found(served: tuple[httpx.AsyncClient, Backend], query: str) -> Any:
    client, backend = served
    answer = await client.get(f"/books?{query}")
    assert answer.status_code == 200, answer.text
    return backend.last.request


async def test_query_parameters_are_fields_in_either_spelling(books: tuple[httpx.AsyncClient, Backend]) -> None:
    for query in ("book_id=b-1", "bookId=b-1", "book%5fid=b-1"):
        assert (await found(books, query)).book_id == "b-1"


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ("copies=9007199254740993", "copies", 9007199254740993),
        ("lent=true", "lent", True),
        ("kind=POEMS", "kind", 1),
        ("kind=1", "kind", 1),
        ("weight=1.5", "weight", 1.5),
        ("cover=_-8%3D", "cover", b"\xff\xef"),
        ("bookId=", "book_id", ""),
        ("bookId=a%2Bb+c%C3%A4", "book_id", "a+b cä"),
        ("tags=a&tags=b&tags=a", "tags", ["a", "b", "a"]),
    ],
)
async def test_a_query_parameter_has_its_fields_type(
    books: tuple[httpx.AsyncClient, Backend], query: str, field: str, value: object
) -> None:
    assert getattr(await found(books, query), field) == value


async def test_nested_fields_and_times_are_query_parameters(books: tuple[httpx.AsyncClient, Backend]) -> None:
    request = await found(books, "author.full_name=Ada&author.birthYear=1815&printTime=2026-07-01T12:00:00Z")

    assert (request.author.full_name, request.author.birth_year) == ("Ada", 1815)
    assert request.print_time.ToJsonString() == "2026-07-01T12:00:00Z"


async def test_everything_wrong_with_a_query_is_said_at_once(books: tuple[httpx.AsyncClient, Backend]) -> None:
    answer = await books[0].get(
        "/books?colour=red&copies=many&lent=yes&bookId=a&book_id=b&author=Ada&coAuthors.fullName=Bob"
        "&author.birth_year=old&tags.x=1"
    )

    assert set(invalid(answer)) == {
        "colour",
        "copies",
        "lent",
        "book_id",
        "author",
        "coAuthors.fullName",
        "author.birthYear",
        "tags.x",
    }


@pytest.mark.parametrize(
    "query",
    ["bookId=%ff", "bookId=%C3", "bookId=%zz", "bookId=100%", "&".join(["tags=a"] * (PARAMETERS_MAX + 1))],
    ids=["byte", "half", "letters", "end", "many"],
)
async def test_a_query_that_cannot_be_read_is_refused(books: tuple[httpx.AsyncClient, Backend], query: str) -> None:
    assert set(invalid(await books[0].get(f"/books?{query}"))) == {"query"}


async def test_path_variables_reach_nested_fields_and_have_their_type(
    books: tuple[httpx.AsyncClient, Backend],
) -> None:
    client, backend = books

    await client.get("/authors/Ada%2FLovelace%20%C3%A4/born/1815")

    assert backend.last.request.author.full_name == "Ada/Lovelace ä"
    assert backend.last.request.author.birth_year == 1815

    await client.get("/kinds/POEMS/true")

    assert (backend.last.request.kind, backend.last.request.lent) == (1, True)


async def test_a_path_variable_of_another_type_is_invalid(books: tuple[httpx.AsyncClient, Backend]) -> None:
    assert "author.birthYear" in invalid(await books[0].get("/authors/Ada/born/long-ago"))
    assert set(invalid(await books[0].get("/kinds/ESSAY/perhaps"))) == {"kind", "lent"}


async def test_what_the_path_says_is_no_query_parameter(books: tuple[httpx.AsyncClient, Backend]) -> None:
    assert set(invalid(await books[0].delete("/books/b-1?bookId=b-2"))) == {"bookId"}


async def test_beside_a_field_in_the_path_its_neighbours_are_query_parameters(
    books: tuple[httpx.AsyncClient, Backend],
) -> None:
    client, backend = books

    answer = await client.get("/authors/Ada?author.birthYear=1815&copies=2")

    assert answer.status_code == 200, answer.text
    request = backend.last.request
    assert (request.author.full_name, request.author.birth_year, request.copies) == ("Ada", 1815, 2)
    assert set(invalid(await client.get("/authors/Ada?author.fullName=Bob"))) == {"author.fullName"}


async def test_what_a_oneof_excludes_is_no_query_parameter(books: tuple[httpx.AsyncClient, Backend]) -> None:
    client, _ = books

    assert set(invalid(await client.get("/shelves/s-1?isbn=1"))) == {"isbn"}
    assert set(invalid(await client.patch("/books/b-1/isbn?shelf=s-1", json="1"))) == {"shelf"}


async def test_a_body_may_not_have_what_the_path_excludes(books: tuple[httpx.AsyncClient, Backend]) -> None:
    client, backend = books

    assert invalid(await client.put("/shelves/s-1", json={"isbn": "1"})) == {
        "shelf": "excludes another field that is given"
    }

    await client.put("/shelves/s-1", json={"shelf": "s-1", "copies": 3})

    assert (backend.last.request.shelf, backend.last.request.copies) == ("s-1", 3)


async def test_a_whole_body_leaves_nothing_for_the_query(books: tuple[httpx.AsyncClient, Backend]) -> None:
    answer = await books[0].put("/books/b-1?copies=1", json={"tags": ["a"]})

    assert set(invalid(answer)) == {"copies"}


async def test_a_body_may_repeat_the_path_but_not_differ(books: tuple[httpx.AsyncClient, Backend]) -> None:
    client, backend = books

    repeated = await client.put("/books/b-1", json={"bookId": "b-1", "copies": 3})
    assert (repeated.status_code, backend.last.request.copies) == (200, 3)

    different = await client.put("/books/b-1", json={"bookId": "b-2"})
    assert invalid(different) == {"bookId": "must equal the one in the path"}


async def test_a_body_can_be_one_field_and_the_query_the_rest(books: tuple[httpx.AsyncClient, Backend]) -> None:
    client, backend = books

    answer = await client.patch("/books/b-1/author?copies=2", json={"fullName": "Ada"})

    assert answer.status_code == 200, answer.text
    request = backend.last.request
    assert (request.book_id, request.author.full_name, request.copies) == ("b-1", "Ada", 2)

    await client.patch("/books/b-1/tags", json=["a", "b"])

    assert list(backend.last.request.tags) == ["a", "b"]


async def test_paths_of_a_field_body_begin_with_the_field(books: tuple[httpx.AsyncClient, Backend]) -> None:
    answer = await books[0].patch("/books/b-1/author?author.birth_year=1", json={"fullName": 1, "colour": 2})

    assert set(invalid(answer)) == {"author.fullName", "author.colour", "author.birth_year"}


async def test_violations_of_path_query_and_body_come_together(books: tuple[httpx.AsyncClient, Backend]) -> None:
    answer = await books[0].put(
        "/books/b-1?x=1", json={"y": 1, "bookId": "b-2"}, headers={"grpc-timeout": "soon", "idempotency-key": "a b"}
    )

    assert set(invalid(answer)) == {"x", "y", "grpc-timeout", "idempotency-key"}


async def test_no_body_is_an_empty_one(books: tuple[httpx.AsyncClient, Backend]) -> None:
    client, backend = books

    answer = await client.put("/books/b-1")

    assert (answer.status_code, backend.last.request.book_id) == (200, "b-1")


async def test_a_body_that_is_not_json_is_refused_with_the_place(books: tuple[httpx.AsyncClient, Backend]) -> None:
    answer = await books[0].put(
        "/books/b-1", content=b'{"tags": [}', headers={"content-type": "application/json; charset=UTF-8"}
    )

    assert "line 1, column 11" in invalid(answer)["body"]


async def test_location_is_made_of_the_response_percent_encoded() -> None:
    http = {"post": "/books", "body": "*", "created": "/books/{book_id}/by/{author.full_name}"}
    async with serving(**http) as (client, backend):
        backend.answers["Find"] = lambda request, _: request

        answer = await client.post("/books", json={"bookId": "a/b ä", "author": {"fullName": "?#"}})

        assert answer.status_code == 201
        assert answer.headers["location"] == "/books/a%2Fb%20%C3%A4/by/%3F%23"

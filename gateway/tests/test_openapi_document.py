"""The document as a whole: that it is one, and that what it shows keeps what it says."""

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.app import SERVICES
from gateway.errors import UnsupportedRule
from gateway.openapi.comments import Comments
from gateway.openapi.document import build_document
from gateway.openapi.schemas import Schemas
from gateway.rules import read_rules
from gateway.tests.contracts import library
from gateway.tests.documents import (
    document_of_the_contract,
    document_without_comments,
    operations,
    resolved,
    wrong_with,
)

DOCUMENT = document_of_the_contract()
OPERATIONS = list(operations(DOCUMENT))


def named(operation_id: str) -> dict[str, Any]:
    return next(operation for _, _, operation in OPERATIONS if operation["operationId"] == operation_id)


@pytest.mark.parametrize("service", [None, library(post="/books/{book_id}", body="*"), library(get="/books")])
def test_it_is_openapi_3_1(service: Any) -> None:
    document = document_without_comments(service) if service else DOCUMENT

    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_rule_of_the_contract_is_an_operation() -> None:
    rules = {(rule.verb.lower(), rule.template.text) for rule in read_rules(SERVICES.values())}

    assert {(verb, path) for verb, path, _ in OPERATIONS} == rules


def test_everything_is_described() -> None:
    properties = [
        (name, key, schema)
        for name, message in DOCUMENT["components"]["schemas"].items()
        for key, schema in message.get("properties", {}).items()
    ]

    assert [(name, key) for name, key, schema in properties if not schema.get("description")] == []
    assert [operation["operationId"] for _, _, operation in OPERATIONS if not operation["summary"]] == []


@pytest.mark.parametrize("operation", [operation for _, _, operation in OPERATIONS], ids=lambda o: o["operationId"])
def test_examples_keep_to_their_schemas(operation: dict[str, Any]) -> None:
    responses = [resolved(DOCUMENT, response) for response in operation["responses"].values()]
    contents = [part["content"] for part in (operation.get("requestBody", {}), *responses) if "content" in part]
    shown = [
        (media["schema"], example)
        for content in contents
        for media in content.values()
        for example in [
            *([media["example"]] if "example" in media else []),
            *(example["value"] for example in media.get("examples", {}).values()),
        ]
    ]

    assert [problem for schema, example in shown for problem in wrong_with(DOCUMENT, schema, example)] == []
    assert len(shown) > len(contents)


def test_an_order_needs_lines_and_lines_have_limits() -> None:
    schema = named("createOrder")["requestBody"]["content"]["application/json"]["schema"]

    assert wrong_with(DOCUMENT, schema, {"items": [{"sku": "LAMP", "quantity": 10_000}]}) == []
    bodies: list[dict[str, Any]] = [
        {},
        {"items": []},
        {"items": [{"sku": "LAMP", "quantity": 10_001}]},
        {"items": [{"sku": "LAMP", "quantity": 0}]},
        {"items": [{"sku": "-", "quantity": 1}]},
        {"items": [{"sku": "LAMP", "quantity": 1}], "colour": "red"},
    ]
    for wrong in bodies:
        assert len(wrong_with(DOCUMENT, schema, wrong)) == 1


def test_what_a_path_names_is_not_asked_for_in_the_body() -> None:
    operation = named("adjustStock")
    schema = operation["requestBody"]["content"]["application/json"]["schema"]

    assert [parameter["name"] for parameter in operation["parameters"] if parameter.get("in") == "path"] == ["sku"]
    assert wrong_with(DOCUMENT, schema, {"delta": 5, "reason": "a delivery"}) == []


def test_a_body_with_nothing_in_it_is_left_out() -> None:
    assert "requestBody" not in named("cancelOrder")
    assert "415" in named("cancelOrder")["responses"]


def test_only_methods_with_a_request_id_take_a_key() -> None:
    takes_key = {"$ref": "#/components/parameters/IdempotencyKey"}

    takers = {o["operationId"] for _, _, o in OPERATIONS if takes_key in o.get("parameters", ())}

    assert takers == {"createOrder", "adjustStock"}


def test_who_may_call_is_said_for_every_operation() -> None:
    assert named("login")["security"] == []
    assert named("listItems")["security"] == [{}, {"bearer": []}]
    assert named("createOrder")["security"] == named("createItem")["security"] == [{"bearer": []}]
    assert "401" not in named("login")["responses"] or "INVALID_CREDENTIALS" in str(named("login")["responses"]["401"])
    assert "ADMIN_REQUIRED" in str(resolved(DOCUMENT, named("createItem")["responses"]["403"]))
    assert "ADMIN_REQUIRED" not in str(resolved(DOCUMENT, named("createOrder")["responses"]["403"]))


def test_errors_have_the_status_that_the_gateway_gives_them() -> None:
    responses = named("createOrder")["responses"]

    assert "urn:ordermesh:OUT_OF_STOCK" in str(responses["409"])
    assert "urn:ordermesh:IDEMPOTENCY_KEY_REUSED" in str(responses["422"])
    assert "Retry-After" in resolved(DOCUMENT, responses["429"])["headers"]


def test_a_query_has_nested_and_repeated_fields() -> None:
    operation = document_without_comments(library(get="/books/{book_id}"))["paths"]["/books/{book_id}"]["get"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"] if "name" in parameter}

    assert parameters["book_id"]["in"] == "path"
    assert parameters["author.fullName"]["schema"] == {"type": "string"}
    assert parameters["tags"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert parameters["printTime"]["schema"]["format"] == "date-time"
    assert "coAuthors" not in parameters


def test_a_query_has_what_stands_beside_a_nested_field_of_the_path() -> None:
    path = "/books/{author.full_name}"
    operation = document_without_comments(library(get=path))["paths"][path]["get"]

    places = {parameter["name"]: parameter["in"] for parameter in operation["parameters"] if "name" in parameter}
    assert (places["author.full_name"], places["author.birthYear"]) == ("path", "query")
    assert "author.fullName" not in places


def test_a_field_can_be_the_body() -> None:
    document = document_without_comments(library(post="/books", body="author"))
    operation = document["paths"]["/books"]["post"]

    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    names = {parameter["name"] for parameter in operation["parameters"] if "name" in parameter}
    assert set(resolved(document, schema)["properties"]) == {"fullName", "birthYear"}
    assert "isbn" in names
    assert not any(name.startswith("author") for name in names)


def test_a_message_that_goes_both_ways_has_a_schema_for_each() -> None:
    document = document_without_comments(library(post="/books", body="*"))
    sent, answered = (document["components"]["schemas"][name] for name in ("BookInput", "Book"))

    assert "required" not in sent
    assert "isbn" not in answered["required"]
    assert {"copies", "tags", "kind"} <= set(answered["required"])
    assert answered["properties"]["copies"] == {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}


def test_bindings_that_take_other_fields_from_the_path_have_bodies_of_their_own() -> None:
    other = {"post": "/books/{book_id}", "body": "*"}
    document = document_without_comments(library(post="/books", body="*", additional=[other]))
    schemas = document["components"]["schemas"]

    assert set(schemas["BookInput"]["properties"]) - set(schemas["BookInput_2"]["properties"]) == {"bookId"}


def test_two_packages_may_have_a_message_of_one_name() -> None:
    here, elsewhere = library(get="/one"), library(get="/two", package="archive.v1")
    schemas = Schemas(Comments({}), [])

    answers = [schemas.of_answer(service.methods[0].output_type) for service in (here, elsewhere)]

    names = [answer["$ref"].rpartition("/")[2] for answer in answers]
    assert names == ["Book", "archive.v1.Book"]
    assert schemas.components["archive.v1.Book"]["properties"]["author"] == {
        "$ref": "#/components/schemas/archive.v1.Author"
    }


def test_bindings_are_numbered_and_two_methods_of_one_name_stop_the_start() -> None:
    assert named("getJsonWebKeySet2")["summary"] == named("getJsonWebKeySet")["summary"]
    with pytest.raises(UnsupportedRule, match="another operation is called `find`"):
        build_document({"one": library(get="/one"), "two": library(get="/two")}, Comments({}))


def test_a_stream_is_described_as_events() -> None:
    document = build_document({"library": library(get="/books", server_streaming=True)}, Comments({}))

    operation = document["paths"]["/books"]["get"]
    content = operation["responses"]["200"]["content"]
    assert list(content) == ["text/event-stream"]
    data = content["text/event-stream"]["schema"]["properties"]["data"]
    assert {"$ref": "#/components/schemas/Book"} in data["contentSchema"]["anyOf"]
    assert {"$ref": "#/components/parameters/LastEventId"} not in operation["parameters"]
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_a_stream_that_can_be_resumed_says_how() -> None:
    assert {"$ref": "#/components/parameters/LastEventId"} in named("watchOrder")["parameters"]
    assert {"$ref": "#/components/parameters/GrpcTimeout"} in named("watchOrder")["parameters"]


def test_a_ticket_opens_what_the_contract_says_and_no_more() -> None:
    assert named("watchOrder")["security"] == [{"bearer": []}, {"ticket": []}]
    assert named("getOrder")["security"] == [{"bearer": []}]
    assert "ticket" in DOCUMENT["components"]["securitySchemes"]
    without = build_document({"library": library(get="/books")}, Comments({}))
    assert "ticket" not in without["components"]["securitySchemes"]

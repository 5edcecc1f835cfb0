"""ProtoJSON in and out."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from chassis.errors import InvalidArgument
from gateway import codec, jsontext
from gateway.protojson.timestamps import SECONDS_MAX
from gateway.protojson.wellknown import DEPTH_MAX
from gateway.tests.contracts import library
from gateway.tests.everything import Everything
from gateway.violations import VIOLATIONS_MAX, BoundedViolations
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2
from ordermesh.types.v1 import money_pb2

Book: Any = GetMessageClass(library(get="/books").methods_by_name["Find"].input_type)

INT64 = "must be a whole number from -9223372036854775808 to 9223372036854775807"
INT32 = "must be a whole number from -2147483648 to 2147483647"


def read(text: str, message_class: Any) -> Any:
    found = BoundedViolations()
    message = message_class()
    codec.merge(jsontext.load(text.encode()), message, found)
    found.check()
    return message


def violations_of(text: str, message_class: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as caught:
        read(text, message_class)
    return {violation.field: violation.description for violation in caught.value.violations}


def test_keys_are_lower_camel_int64_is_text_enums_are_names_and_defaults_are_there() -> None:
    order = orders_pb2.Order(
        order_id="o-1",
        status=orders_pb2.Order.PENDING,
        total=money_pb2.Money(currency_code="EUR", minor_units=1999),
    )
    order.create_time.FromJsonString("2026-07-01T12:00:00Z")

    document = json.loads(codec.encode(order))

    assert document == {
        "orderId": "o-1",
        "userId": "",
        "email": "",
        "items": [],
        "total": {"currencyCode": "EUR", "minorUnits": "1999"},
        "status": "PENDING",
        "version": 0,
        "createTime": "2026-07-01T12:00:00Z",
        "history": [],
    }


def test_text_is_written_as_utf8_and_fields_with_presence_only_when_set() -> None:
    assert codec.encode(inventory_pb2.Item(name="Lämpchen 💡", reserved=0)) == (
        '{"sku":"","name":"Lämpchen 💡","available":0,"version":"0","reserved":0}'.encode()
    )


@pytest.mark.parametrize("key", ["requestId", "request_id"])
def test_both_spellings_are_read(key: str) -> None:
    assert read(f'{{"{key}": "k-1"}}', orders_pb2.CreateOrderRequest).request_id == "k-1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"copies": "9007199254740993"}', Book(copies=9007199254740993)),
        ('{"copies": 12}', Book(copies=12)),
        ('{"copies": 1.2e1}', Book(copies=12)),
        ('{"copies": "12.0"}', Book(copies=12)),
        ('{"kind": "POEMS"}', Book(kind=1)),
        ('{"kind": 1}', Book(kind=1)),
        ('{"lent": true, "tags": null, "author": null}', Book(lent=True)),
        ('{"weight": "NaN"}', None),
        ('{"weight": "1.5"}', Book(weight=1.5)),
        ('{"weight": 2}', Book(weight=2)),
        ('{"cover": "_-8="}', Book(cover=b"\xff\xef")),
        ('{"cover": "/+8"}', Book(cover=b"\xff\xef")),
        ('{"author": {}}', Book(author={})),
        ('{"coAuthors": [{"fullName": "Ada"}]}', Book(co_authors=[{"full_name": "Ada"}])),
    ],
)
def test_every_form_that_protojson_allows_is_read(text: str, expected: Any) -> None:
    message = read(text, Book)

    assert expected is None or message == expected


@pytest.mark.parametrize(
    "value", ["\ud800", {"\ud800": 1}, ["\udfff"], {"a": {"\ud83d\udca1 \ud83d": "\udca1"}}], ids=repr
)
def test_half_a_surrogate_pair_can_always_be_written_down(value: Any) -> None:
    written = jsontext.dump(value).decode()

    assert "?" in written
    json.loads(written)


def test_everything_wrong_is_said_at_once_each_with_its_path() -> None:
    text = """{
        "items": [{"sku": 7, "quantity": "two"}, {"sku": "LAMP", "quantity": 1.5, "colour": "red"}, null, 3],
        "requestId": {}, "note": 1
    }"""

    assert violations_of(text, orders_pb2.CreateOrderRequest) == {
        "items[0].sku": "must be a string",
        "items[0].quantity": INT32,
        "items[1].quantity": INT32,
        "items[1].colour": "is not a field here",
        "items[2]": "must not be null",
        "items[3]": "must be an object",
        "requestId": "must be a string",
        "note": "is not a field here",
    }


def test_paths_are_lower_camel_also_for_the_other_spelling() -> None:
    assert violations_of('{"unit_price": {"minor_units": "x"}}', inventory_pb2.CreateItemRequest) == {
        "unitPrice.minorUnits": "must be a whole number from -9223372036854775808 to 9223372036854775807"
    }


@pytest.mark.parametrize(
    ("text", "field", "description"),
    [
        ("[]", "body", "must be an object"),
        ("null", "body", "must be an object"),
        ('"x"', "body", "must be an object"),
        ('{"tags": "a"}', "tags", "must be a list"),
        ('{"tags": ["a", 1]}', "tags[1]", "must be a string"),
        ('{"tags": [null]}', "tags[0]", "must not be null"),
        ('{"author": []}', "author", "must be an object"),
        ('{"author": {"birthYear": 2147483648}}', "author.birthYear", INT32),
        ('{"author": {"birthYear": true}}', "author.birthYear", INT32),
        ('{"author": {"birthYear": "1_0"}}', "author.birthYear", INT32),
        ('{"author": {"birthYear": " 1"}}', "author.birthYear", INT32),
        ('{"author": {"birthYear": ""}}', "author.birthYear", INT32),
        ('{"author": {"birthYear": 1e999}}', "author.birthYear", INT32),
        ('{"author": {"birthYear": "٣"}}', "author.birthYear", INT32),
        ('{"page": -1}', "page", "must be a whole number from 0 to 4294967295"),
        ('{"lent": "true"}', "lent", "must be true or false"),
        ('{"lent": 1}', "lent", "must be true or false"),
        ('{"kind": "ESSAY"}', "kind", "must be one of NOVEL, POEMS"),
        ('{"kind": 1.5}', "kind", "must be one of NOVEL, POEMS"),
        ('{"kind": true}', "kind", "must be one of NOVEL, POEMS"),
        ('{"printTime": "yesterday"}', "printTime", "must be a time like 2026-07-01T12:00:00Z"),
        ('{"printTime": 5}', "printTime", "must be a time like 2026-07-01T12:00:00Z"),
        ('{"printTime": {"a": 1, "a": 2}}', "printTime", "must be a time like 2026-07-01T12:00:00Z"),
        ('{"weight": "heavy"}', "weight", "must be a number"),
        ('{"weight": 1e999}', "weight", "must be a number"),
        ('{"cover": "*"}', "cover", "must be base64"),
        ('{"isbn": "1", "shelf": "A"}', "shelf", "excludes another field that is given"),
        ('{"bookId": "a", "bookId": "b"}', "bookId", "is given twice"),
        ('{"author": {"x": 1, "fullName": "a", "fullName": "b"}}', "author.fullName", "is given twice"),
        ('{"book_id": "a", "bookId": "b"}', "bookId", "is given twice, in both spellings"),
        ('{"bookId": "\\ud800"}', "bookId", "must be valid Unicode: it has half of a surrogate pair"),
        ('{"coAuthors": {}}', "coAuthors", "must be a list"),
    ],
)
def test_each_wrong_form_is_named(text: str, field: str, description: str) -> None:
    assert violations_of(text, Book)[field] == description


@pytest.mark.parametrize(
    "text",
    [
        '{"oneColor": true}',
        '{"oneColor": 1.0}',
        '{"oneColor": "1"}',
        '{"oneInt32": "1_0"}',
        '{"oneInt32": "٣"}',
        '{"oneInt64": -9223372036854775809.0}',
        '{"oneDouble": "1_0"}',
        '{"oneDouble": "inf"}',
        '{"oneFloat": "1e39"}',
        '{"oneBytes": "a b=="}',
        '{"oneATimestamp": "2026-7-1T1:2:3Z"}',
        '{"oneATimestamp": "2026-07-01T12:00:00+99:99"}',
        '{"oneATimestamp": "2026-07-01T12:00:00.1e0Z"}',
        '{"oneString": "a", "one_string": "b"}',
        '{"mapByInt32": {"1": 1, "01": 2}}',
        '{"mapByInt32": {"1_0": 1}}',
        '{"oneChild": []}',
    ],
)
def test_what_json_format_takes_although_protojson_does_not_is_refused(text: str) -> None:
    json_format.Parse(text, Everything())

    assert violations_of(text, Everything)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"oneFloat": 3.4028235e38}', Everything(one_float=3.4028234663852886e38)),
        ('{"manyAValue": null}', Everything()),
    ],
)
def test_what_json_format_refuses_although_protojson_has_it_is_read(text: str, expected: Any) -> None:
    with pytest.raises(json_format.ParseError):
        json_format.Parse(text, Everything())

    assert read(text, Everything) == expected


@pytest.mark.parametrize(
    ("text", "field", "description"),
    [
        ('{"mapByBool": {"yes": 1}}', "mapByBool.yes", "is a key that must be true or false"),
        ('{"mapByInt32": {"1": 1, "1.0": 2}}', "mapByInt32.1.0", "is given twice"),
        ('{"mapByString": {"a": 1, "a": 2}}', "mapByString.a", "is given twice"),
        ('{"mapByString": {"a": null}}', "mapByString.a", "must not be null"),
        ('{"mapToChild": {"a": {"manyChild": [{"x": 1}]}}}', "mapToChild.a.manyChild[0].x", "is not a field here"),
        ('{"mapToChild": {"a": {"manyDouble": [null]}}}', "mapToChild.a.manyDouble[0]", "must not be null"),
        ('{"mapToAStruct": {"a": {"b": {"c": 1, "c": 2}}}}', "mapToAStruct.a", "has a key twice"),
        ('{"manyAInt32value": [1, "x"]}', "manyAInt32value[1]", INT32),
        ('{"oneClosed": 1}', "oneClosed", "must be one of FIRST, SECOND"),
        ('{"oneAAny": {"@type": "type.googleapis.com/no.Such"}}', "oneAAny", "is not a valid google.protobuf.Any"),
        ('{"oneBytes": "A"}', "oneBytes", "must be base64"),
        (f'{{"oneDouble": 1{"0" * 400}}}', "oneDouble", "must be a number"),
        (f'{{"oneAValue": 1{"0" * 400}}}', "oneAValue", "is not a valid google.protobuf.Value"),
        ('{"oneInt64": -9223372036854775809}', "oneInt64", INT64),
    ],
)
def test_what_is_wrong_inside_is_found_in_its_place(text: str, field: str, description: str) -> None:
    assert violations_of(text, Everything) == {field: description}


def _nested(name: str, depth: int, inside: str = "{}") -> str:
    return f'{{"{name}":' * depth + inside + "}" * depth


@pytest.mark.parametrize(
    "text",
    [
        _nested("oneChild", DEPTH_MAX),
        _nested("oneChild", DEPTH_MAX - 1, '{"oneATimestamp": "2026-07-01T12:00:00Z"}'),
        _nested("oneChild", 1, '{"oneAValue": ' + "[" * 49 + "]" * 49 + "}"),
        '{"oneAStruct": ' + _nested("a", 32) + "}",
        '{"mapToChild": {"a": ' * 50 + "{}" + "}}" * 50,
    ],
    ids=["messages", "time", "lists", "objects", "maps"],
)
def test_what_is_nested_as_deep_as_allowed_is_read_by_every_service(text: str) -> None:
    message = read(text, Everything)

    assert Everything.FromString(message.SerializeToString()) == message


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (_nested("oneChild", DEPTH_MAX + 1), ".".join(["oneChild"] * (DEPTH_MAX + 1))),
        ('{"mapToChild": {"a": ' * 51 + "{}" + "}}" * 51, ".".join(["mapToChild.a"] * 51)),
        ('{"oneAStruct": ' + _nested("a", 34) + "}", "oneAStruct"),
        ('{"oneAListvalue": ' + "[" * 900 + "]" * 900 + "}", "oneAListvalue"),
    ],
    ids=["messages", "maps", "objects", "lists"],
)
def test_what_is_nested_deeper_is_refused(text: str, field: str) -> None:
    assert violations_of(text, Everything) == {field: "is nested too deeply"}


def test_a_time_out_of_range_is_not_written() -> None:
    message = Everything()
    message.one_a_timestamp.seconds = SECONDS_MAX + 1

    with pytest.raises(ValueError, match="out of range"):
        codec.encode(message)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0001-01-01T00:00:00+00:01", "before year 1"),
        ("9999-12-31T23:59:59-00:01", "after year 9999"),
        ("2026-02-29T12:00:00Z", "no such day"),
        ("2026-07-01T24:00:00Z", "no such hour"),
        ("2026-07-01T23:59:60Z", "no such second"),
        ("2026-W27-3T12:00:00Z", "a week"),
        ("2026-07-01 12:00:00Z", "no T"),
        ("2026-07-01T12:00:00", "no offset"),
        ("2026-07-01T12:00:00.Z", "no fraction"),
        ("2026-07-01T12:00:00.1234567890Z", "ten digits"),
        ("2026-07-01T12:00:00z", "lower case"),
        ("", "nothing"),
    ],
)
def test_what_is_no_time_is_refused(text: str, why: str) -> None:
    assert violations_of(json.dumps({"oneATimestamp": text}), Everything) == {
        "oneATimestamp": "must be a time like 2026-07-01T12:00:00Z"
    }


def test_a_wrong_message_changes_nothing() -> None:
    message, found = Book(), BoundedViolations()

    codec.merge({"bookId": "a", "copies": "many"}, message, found)

    assert message == Book()


def test_a_flood_of_unknown_fields_is_said_in_part() -> None:
    text = json.dumps({f"field{number}": 1 for number in range(10_000)})

    assert len(violations_of(text, Book)) == VIOLATIONS_MAX


def test_the_name_of_an_unknown_field_is_repeated_in_part() -> None:
    (field,) = violations_of(json.dumps({"x" * 100_000: 1}), Book)

    assert len(field) < 200


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b'{"a":\n 1,}', "line 2"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b"{} {}", "column 4"),
        (b'{"a": "\xff"}', "UTF-8: byte 7"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 100_000, "too deeply"),
        (b"1" * 5_000, "not JSON"),
        (b"'a'", "not JSON"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(text: bytes, why: str) -> None:
    with pytest.raises(jsontext.MalformedJson, match=why):
        jsontext.load(text)

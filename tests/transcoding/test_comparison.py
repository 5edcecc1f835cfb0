"""What the comparison notices."""

from typing import Any

import pytest

from tests.transcoding.cases import Case
from tests.transcoding.comparison import Call, Result, Seen, agree, same

CASE = Case("query", "GET", "/records")


def seen(*, call: Call | None = None, status: int = 200, value: Any = None) -> Seen:
    return Seen(call, status, value, {})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 1.0}),
        ([0.0], [-0.0]),
        ({"a": [None, True, "x"]}, {"a": [None, True, "x"]}),
    ],
)
def test_a_json_value_is_the_same_however_its_numbers_are_written(one: Any, other: Any) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ([], {}),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"a": {"b": ""}}, {"a": {"b": None}}),
    ],
)
def test_values_of_other_types_and_orders_are_not(one: Any, other: Any) -> None:
    assert not same(one, other)


@pytest.mark.parametrize(
    "other",
    [
        seen(call=Call("Find", b"\x0a\x01b"), value={}),
        seen(call=Call("Save", b"\x0a\x01a"), value={}),
        seen(call=None, value={}),
        seen(call=Call("Find", b"\x0a\x01a"), status=201, value={}),
        seen(call=Call("Find", b"\x0a\x01a"), value={"a": 1}),
    ],
    ids=["request", "method", "no call", "status", "body"],
)
def test_what_the_service_or_the_client_sees_otherwise_is_a_difference(other: Seen) -> None:
    ours = seen(call=Call("Find", b"\x0a\x01a"), value={})

    assert agree(Result(CASE, ours, ours))
    assert not agree(Result(CASE, ours, other))


def test_refusals_agree_by_their_status() -> None:
    ours = seen(status=404, value={"code": "NOT_FOUND"})

    assert agree(Result(CASE, ours, seen(status=404, value="nothing here")))
    assert not agree(Result(CASE, ours, seen(status=400, value="nothing here")))

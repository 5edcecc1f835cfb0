"""JSON text: what the fast library reads is what the exact one reads, keys given twice included."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import jsontext
from gateway.jsontext import DuplicateKeys, MalformedJson

WORDS = st.sampled_from(
    ["", "a", "b", ":", "a:b", '":', "\u00e4", "\U0001f4a1", "\\u003a", "\\u003A", "\\u0061", "\\\\u003a", '\\"', "\\n"]
)
STRINGS = st.lists(WORDS, max_size=3).map(lambda words: f'"{"".join(words).replace(chr(34) + ":", "")}"')
NUMBERS = st.one_of(
    st.sampled_from(["0", "-0", "-0.0", "1", "1.0", "1e2", "1E+2", "0.1", "1e16", "1e22", "5e-324", "1e999", "-1e999"]),
    st.sampled_from(["9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551615"]),
    st.sampled_from(["NaN", "-Infinity", "01", "1.", "+1"]),
)
SPACE = st.sampled_from(["", "", " ", "\n", "\t"])


def _list(items: list[str], space: str) -> str:
    return f"[{space}{f'{space},'.join(items)}]"


def _object(items: list[tuple[str, str]], space: str) -> str:
    return f"{{{space}{f',{space}'.join(f'{name}{space}:{space}{item}' for name, item in items)}}}"


TEXTS = st.recursive(
    STRINGS | NUMBERS | st.sampled_from(["null", "true", "false", "nul", "", "'a'", '"\\ud800"', '"\t"', '"']),
    lambda inside: (
        st.builds(_list, st.lists(inside, max_size=3), SPACE)
        | st.builds(_object, st.lists(st.tuples(STRINGS, inside), max_size=4), SPACE)
    ),
    max_leaves=12,
)


def described(value: Any) -> Any:
    """What tells apart all that matters: kinds of numbers, and keys given twice."""
    if isinstance(value, dict):
        twice = sorted(value.names) if isinstance(value, DuplicateKeys) else []
        return ("object", sorted((name, repr(described(item))) for name, item in value.items()), twice)
    return [described(item) for item in value] if isinstance(value, list) else (type(value).__name__, repr(value))


def outcome(read: Any, text: bytes) -> Any:
    try:
        return described(read(text))
    except MalformedJson as error:
        return str(error)


@given(TEXTS)
@example('{"a:b":"::","a":1,"\\u0061":2}')
@example('{"a":":", "a":"::", "b":"\\u003a\\u003A"}')
@example('{"a":1,"a":"x:"}')
@example('{"a":"\\u003a","a":1}')
def test_a_text_is_read_as_the_exact_reader_reads_it(text: str) -> None:
    written = text.encode()

    assert outcome(jsontext.load, written) == outcome(jsontext.load_exactly, written)


@given(
    st.binary(max_size=8)
    | st.tuples(TEXTS, st.binary(max_size=2), st.integers(0, 30)).map(
        lambda drawn: drawn[0].encode()[: drawn[2]] + drawn[1] + drawn[0].encode()[drawn[2] :]
    )
)
def test_bytes_are_refused_or_read_as_the_exact_reader_does_it(text: bytes) -> None:
    assert outcome(jsontext.load, text) == outcome(jsontext.load_exactly, text)


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"18446744073709551616", 2**64), (b"-9223372036854775809", -(2**63) - 1), (b"1" * 300, int("1" * 300))],
)
def test_whole_numbers_beyond_64_bits_are_rounded(text: bytes, value: int) -> None:
    assert jsontext.load(text) == float(value)


def test_values_inside_each_other_more_than_the_fast_library_writes_are_read() -> None:
    value = jsontext.load(b"[" * 500 + b'{"a":1,"a":2}' + b"]" * 500)

    for _ in range(500):
        (value,) = value
    assert value.names == ["a"]


@pytest.mark.parametrize(
    ("value", "text"), [({"a": [2**70]}, b'{"a":[1180591620717411303424]}'), ({1: 2}, b'{"1":2}')], ids=repr
)
def test_what_the_fast_library_does_not_write_is_written(value: Any, text: bytes) -> None:
    assert jsontext.dump(value) == text

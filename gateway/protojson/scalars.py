"""Values without an inside: read strictly, so that no value silently becomes another."""

import binascii
import math
import re
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

Read = Callable[[Any], Any]
"""From what JSON has to what a message's field takes; raises :class:`Wrong`."""


class Wrong(Exception):
    """The value is not what the field takes. The text says what it must be."""


_INTEGER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")
_NAMED_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_DIGITS_MAX = 20
_FLOAT_LIMIT = 3.4028235677973366e38
"""The first number that is not rounded to a finite one of 32 bits."""

INT32 = (-(2**31), 2**31 - 1)
_INT64, _UINT32, _UINT64 = (-(2**63), 2**63 - 1), (0, 2**32 - 1), (0, 2**64 - 1)
_RANGES = {
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_SINT32: INT32,
    FieldDescriptor.TYPE_SFIXED32: INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
}


def reader_of_scalar(field: FieldDescriptor) -> Read:
    """What reads one value of a field that is no message."""
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if field.type in _RANGES:
        return _integer(*_RANGES[field.type])
    return {
        FieldDescriptor.TYPE_FLOAT: _float(_FLOAT_LIMIT),
        FieldDescriptor.TYPE_DOUBLE: _float(math.inf),
        FieldDescriptor.TYPE_STRING: _string,
        FieldDescriptor.TYPE_BYTES: _bytes,
        FieldDescriptor.TYPE_BOOL: _bool,
    }[field.type]


def reader_of_key(field: FieldDescriptor) -> Read:
    """What reads a key of a map, which JSON always has as a text."""
    return _bool_key if field.type == FieldDescriptor.TYPE_BOOL else reader_of_scalar(field)


def _integer(least: int, most: int) -> Read:
    wrong = f"must be a whole number from {least} to {most}"

    def read(value: Any) -> int:
        whole = value if type(value) is int else _whole(value)
        if whole is None or not least <= whole <= most:
            raise Wrong(wrong)
        return whole

    return read


def _whole(value: Any) -> int | None:
    if type(value) is str:
        if value.isascii() and value.isdecimal() and len(value) <= _DIGITS_MAX:
            return int(value)
        if not _INTEGER.fullmatch(value):
            return None
        value = float(value) if "." in value or "e" in value.lower() else int(value)
    if type(value) is float:
        # -2^63 may be a smaller number that was rounded, by whoever wrote it or by the JSON library
        return int(value) if value.is_integer() and value != _INT64[0] else None
    return value if type(value) is int else None


def _float(limit: float) -> Read:
    def read(value: Any) -> float:
        number = value if type(value) is float else _number(value)
        if number is None or not -limit < number < limit:
            raise Wrong("must be a number")
        return number

    def read_named(value: Any) -> float:
        named = _NAMED_NUMBERS.get(value) if type(value) is str else None
        return read(value) if named is None else named

    return read_named


def _number(value: Any) -> float | None:
    if type(value) is str:
        return float(value) if _NUMBER.fullmatch(value) else None
    try:
        return float(value) if type(value) is int else None
    except OverflowError:
        return None


def _string(value: Any) -> str:
    if type(value) is not str:
        raise Wrong("must be a string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Wrong("must be valid Unicode: it has half of a surrogate pair") from None
    return value


def _bytes(value: Any) -> bytes:
    if type(value) is not str or not _BASE64.fullmatch(value):
        raise Wrong("must be base64")
    digits = value.rstrip("=").translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))
    except binascii.Error:
        raise Wrong("must be base64") from None


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise Wrong("must be true or false")
    return value


def _bool_key(value: str) -> bool:
    if value not in {"true", "false"}:
        raise Wrong("must be true or false")
    return value == "true"


def _enum(enum: EnumDescriptor) -> Read:
    numbers = {name: value.number for name, value in enum.values_by_name.items()}
    known = frozenset(numbers.values())
    least, most = INT32
    wrong = f"must be one of {', '.join(value.name for value in enum.values)}"

    def read(value: Any) -> int:
        if type(value) is str and value in numbers:
            return numbers[value]
        if type(value) is int and (value in known or (not enum.is_closed and least <= value <= most)):
            return value
        raise Wrong(wrong)

    return read

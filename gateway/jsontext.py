"""JSON text as RFC 8259 has it: strict UTF-8, no NaN, and keys that are given twice remembered."""

import json
from collections import Counter
from typing import Any, NoReturn

import orjson


class MalformedJson(ValueError):
    """The text is not JSON. The message says where."""


class DuplicateKeys(dict[str, Any]):
    """An object some of whose keys were given more than once: ``names``."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.names = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]


def load(text: bytes) -> Any:
    """Read a JSON text; an object with a key twice becomes :class:`DuplicateKeys`.

    :raises MalformedJson: when it is not JSON.
    """
    try:
        value = orjson.loads(text)
        if _has_each_key_once(text, orjson.dumps(value)):
            return value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return load_exactly(text)  # it says what is wrong, and where
    return load_exactly(text)


def dump(value: Any) -> bytes:
    """Write a JSON text in UTF-8; half a surrogate pair, which UTF-8 cannot hold, becomes ``?``."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return _ENCODER.encode(value).encode(errors="replace")


def _has_each_key_once(text: bytes, written: bytes) -> bool:
    r"""Whether no key was lost in reading, by what was read when it is written again. False when that is not certain.

    orjson keeps the last of equal keys. Each that it lost had a colon, so the text has more colons than what is
    written. Colons in strings are written as they were read, except for ``\u003a``.
    """
    return written == text or (_ESCAPED_COLON not in text and written.count(b":") == text.count(b":"))


def load_exactly(text: bytes) -> Any:
    """As :func:`load`, but slower and with whole numbers of any size."""
    try:
        return _DECODER.decode(text.decode())
    except UnicodeDecodeError as error:
        raise MalformedJson(f"is not UTF-8: byte {error.start} is wrong") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError:
        raise MalformedJson("is nested too deeply") from None
    except ValueError as error:
        raise MalformedJson(f"is not JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else DuplicateKeys(pairs)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


_ESCAPED_COLON = b"\\u003"
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

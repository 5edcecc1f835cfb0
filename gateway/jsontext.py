"""JSON text as RFC 8259 has it: strict UTF-8, no NaN, and keys that are given twice remembered."""

import json
from collections import Counter
from typing import Any, NoReturn


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
        return _DECODER.decode(text.decode())
    except UnicodeDecodeError as error:
        raise MalformedJson(f"is not UTF-8: byte {error.start} is wrong") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError:
        raise MalformedJson("is nested too deeply") from None
    except ValueError as error:
        raise MalformedJson(f"is not JSON: {error}") from error


def dump(value: Any) -> bytes:
    """Write a JSON text in UTF-8; half a surrogate pair, which UTF-8 cannot hold, becomes ``?``."""
    return _ENCODER.encode(value).encode(errors="replace")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else DuplicateKeys(pairs)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

"""Pages of a list (AIP-158): how many, and where the next one begins.

A page token is the sort key of the last row of the page before, so a page costs one range of the
index however deep it is, and rows that come and go between two pages move nothing.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from google.protobuf.message import Message

from chassis.violations import Violations

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 500
PAGE_BYTES_MAX = 3 * 1024 * 1024
"""Clients refuse answers over 4 MiB unless they were told otherwise."""

M = TypeVar("M", bound=Message)


TIME_KEY_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for: its size, and the sort key that it begins after (None: at the top)."""

    size: int
    after: tuple[Any, ...] | None


def read_page(page_size: int, page_token: str, key: tuple[type, ...], violations: Violations) -> Page:
    """Read a request's paging fields.

    ``key`` is the types of the list's sort key: ``str`` for texts, ``int`` for times (:func:`time_key`).
    """
    violations.require(page_size >= 0, "page_size", "must not be negative")
    size = min(page_size or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
    if not page_token:
        return Page(size, None)
    after = _decoded(page_token)
    if not _has_types(after, key):
        violations.add("page_token", "was not given by this method")
        return Page(size, None)
    return Page(size, tuple(after))


def next_token(*key: str | int) -> str:
    """The token of the page that begins after ``key``."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode()


def time_key(time: datetime) -> int:
    """A time as part of a sort key: whole milliseconds since 1970."""
    return round(time.timestamp() * 1000)


def time_of_key(milliseconds: int) -> datetime:
    """The time that :func:`time_key` was given."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def _decoded(page_token: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(page_token.encode()))
    except (ValueError, RecursionError):  # base64's and json's own errors are ValueErrors
        return None


def _has_types(after: Any, key: tuple[type, ...]) -> bool:
    return (
        isinstance(after, list)
        and len(after) == len(key)
        and all(type(part) is kind for part, kind in zip(after, key, strict=True))
        and all(0 <= part <= TIME_KEY_MAX for part in after if isinstance(part, int))
        and all(_is_unicode(part) for part in after if isinstance(part, str))
    )


def _is_unicode(text: str) -> bool:
    """JSON can spell half of a surrogate pair, and a database cannot be asked for it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fitting(messages: Sequence[M]) -> Sequence[M]:
    """The first of ``messages`` that fit into one answer, at least one: a page ends early before it is too large."""
    size = 0
    for count, message in enumerate(messages):
        size += message.ByteSize()
        if size > PAGE_BYTES_MAX and count > 0:
            return messages[:count]
    return messages

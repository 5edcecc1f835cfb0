"""Pages of a list (AIP-158): how many, and where the next one begins.

A page token is the sort key of the last row of the page before, so a page costs one range of the
index however deep it is, and rows that come and go between two pages move nothing.
"""

import base64
import binascii
import json
from dataclasses import dataclass

from chassis.violations import Violations

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for: its size, and the sort key that it begins after (None: at the top)."""

    size: int
    after: tuple[str, ...] | None


def read_page(page_size: int, page_token: str, key_length: int, violations: Violations) -> Page:
    """Read a request's paging fields; ``key_length`` is how many texts make the list's sort key."""
    violations.require(page_size >= 0, "page_size", "must not be negative")
    size = min(page_size or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
    if not page_token:
        return Page(size, None)
    try:
        after = json.loads(base64.urlsafe_b64decode(page_token.encode()))
    except (ValueError, binascii.Error):
        after = None
    if not (isinstance(after, list) and len(after) == key_length and all(isinstance(text, str) for text in after)):
        violations.add("page_token", "was not given by this method")
        return Page(size, None)
    return Page(size, tuple(after))


def next_token(*key: str) -> str:
    """The token of the page that begins after ``key``."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode()

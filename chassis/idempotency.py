"""The idempotency key of a call: the field ``request_id`` or the metadata ``idempotency-key``."""

import re

from chassis.interceptors.chain import Context
from chassis.violations import Violations

METADATA_KEY = "idempotency-key"
REPLAYED_KEY = "idempotent-replayed"
"""Metadata of an answer that repeats an earlier call's."""

KEY_LENGTH_MAX = 255
_VISIBLE_ASCII = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH_MAX}}}")


def resolve_key(field: str, metadata: str, violations: Violations) -> str:
    """The key of a call that gave ``field`` and ``metadata`` (empty: not given)."""
    key = field or metadata
    if field and metadata and field != metadata:
        violations.add("request_id", f"must equal the {METADATA_KEY} metadata when both are given")
    elif not key:
        violations.add("request_id", f"is required, here or as {METADATA_KEY} metadata")
    elif not _VISIBLE_ASCII.fullmatch(key):
        violations.add("request_id", f"must be 1 to {KEY_LENGTH_MAX} visible ASCII characters")
    return key


def key_from_metadata(context: Context) -> str:
    """The key that a call gave as metadata, or the empty text."""
    metadata = context.invocation_metadata() or ()
    return next((value for key, value in metadata if key == METADATA_KEY and isinstance(value, str)), "")


def mark_replayed(context: Context) -> None:
    """Say that the answer repeats an earlier call's."""
    context.set_trailing_metadata(((REPLAYED_KEY, "true"),))

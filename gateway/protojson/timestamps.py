"""Times as ProtoJSON writes them: RFC 3339 in UTC, with 0, 3, 6 or 9 digits of a second.

Orders have many, and the library's own methods take most of an order's time, so these are ours.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from gateway.protojson.scalars import Wrong

HOURS_MAX = 4096
"""Hours whose text is remembered, and texts whose hour: half a year of them."""

SECONDS_MIN, SECONDS_MAX = -62_135_596_800, 253_402_300_799
"""From year 1 to year 9999, what a Timestamp may be."""

_WRONG = "must be a time like 2026-07-01T12:00:00Z"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all here is UTC, and to say so would be written out
_NANOS = 1_000_000_000
_HOUR_LENGTH, _SECONDS_LENGTH = len("2026-07-01T12:"), len("2026-07-01T12:00:00")
_IN_HOUR = tuple(f"{minute:02}:{second:02}" for minute in range(60) for second in range(60))
_MILLIS = tuple(f".{millis:03}Z" for millis in range(1_000))
_SECONDS_IN_HOUR = {text: second for second, text in enumerate(_IN_HOUR)}
_REST = re.compile(r"(?:\.([0-9]{1,9}))?(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))")


def write_timestamp(timestamp: Any) -> str:
    """The time as text.

    :raises ValueError: for one that is out of range.
    """
    seconds, nanos = timestamp.seconds, timestamp.nanos
    if not (SECONDS_MIN <= seconds <= SECONDS_MAX and 0 <= nanos < _NANOS):
        raise ValueError(f"a Timestamp of {seconds} s and {nanos} ns is out of range")
    hour, second = divmod(seconds, 3600)
    text: str = _hour(hour) + _IN_HOUR[second]
    if not nanos:
        return text + "Z"
    millis, rest = divmod(nanos, 1_000_000)
    if not rest:
        return f"{text}{_MILLIS[millis]}"
    return f"{text}.{nanos // 1_000:06}Z" if not nanos % 1_000 else f"{text}.{nanos:09}Z"


def read_timestamp(value: Any) -> dict[str, int]:
    """The fields of the time that a text says. Any offset will do.

    :raises Wrong: when it is none.
    """
    if type(value) is not str:
        raise Wrong(_WRONG)
    try:
        seconds, nanos = _begin_of(value[:_HOUR_LENGTH]) + _SECONDS_IN_HOUR[value[_HOUR_LENGTH:_SECONDS_LENGTH]], 0
    except (KeyError, ValueError):
        raise Wrong(_WRONG) from None
    rest = value[_SECONDS_LENGTH:]
    if rest != "Z":
        matched = _REST.fullmatch(rest)
        if matched is None:
            raise Wrong(_WRONG)
        fraction, sign, hours, minutes = matched.groups()
        if fraction:
            nanos = int(fraction.ljust(9, "0"))
        if sign:
            offset = int(hours) * 3600 + int(minutes) * 60
            seconds += offset if sign == "-" else -offset
            if not SECONDS_MIN <= seconds <= SECONDS_MAX:
                raise Wrong(_WRONG)
    return {"seconds": seconds, "nanos": nanos}


@lru_cache(maxsize=HOURS_MAX)
def _begin_of(text: str) -> int:
    begin = datetime.fromisoformat(text + "00:00")
    if begin.isoformat() != text + "00:00":
        raise ValueError("ISO 8601 has more forms than RFC 3339")
    return (begin - _EPOCH) // timedelta(seconds=1)


@lru_cache(maxsize=HOURS_MAX)
def _hour(hour: int) -> str:
    return (_EPOCH + timedelta(hours=hour)).isoformat()[:_HOUR_LENGTH]

"""Answers about what clients say in headers: remembered, for the same few texts come again and again.

Clients may as well say something new each time, as long as a head may be. So only short texts are remembered.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar, TypeVarTuple

TEXT_BYTES_MAX = 256
"""Longer ones are looked at each time: browsers' and libraries' own are shorter."""

TEXTS_MAX = 256

Others = TypeVarTuple("Others")
Answer = TypeVar("Answer")


def remembered(answer: Callable[[bytes, *Others], Answer]) -> Callable[[bytes, *Others], Answer]:
    """A function of a header's value, and perhaps of what we ask of it, that looks at short ones once."""
    of_short = lru_cache(TEXTS_MAX)(answer)

    @wraps(answer)
    def asked(text: bytes, *others: *Others) -> Answer:
        return of_short(text, *others) if len(text) <= TEXT_BYTES_MAX else answer(text, *others)

    return asked

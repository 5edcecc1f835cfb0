"""Where processes tell each other what they counted, so that a limit holds for all of them together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class CountsUnavailable(Exception):
    """The others cannot be told or heard now. What they were told before is not lost by telling it again."""


@dataclass(frozen=True, slots=True)
class Share:
    """What ``teller`` counted under ``key`` in the window ``number`` of so many milliseconds, and in the one before.

    None: there is nothing to tell, only to be heard.
    """

    teller: str
    key: str
    number: int
    window_ms: int
    current: int | None
    before: int | None


class SharedCounts(Protocol):
    """Keeps what each teller counted. It may lose everything at any time."""

    async def exchange(self, shares: Sequence[Share]) -> list[tuple[int, int]]:
        """Tell the others these counts, which replace what the same tellers told before, and hear theirs.

        For each share: the sum of all but its teller in its window, and in the one before.

        :raises CountsUnavailable: when that is not possible now. Some of it may have been told.
        """
        ...


class MemoryCounts:
    """See :class:`SharedCounts`. For processes that are one: tests, and limits that nobody shares."""

    def __init__(self) -> None:
        self.counts: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(dict)

    async def exchange(self, shares: Sequence[Share]) -> list[tuple[int, int]]:
        """See the port."""
        return [self._exchange(share) for share in shares]

    def _exchange(self, share: Share) -> tuple[int, int]:
        current, before = self.counts[share.key, share.number], self.counts[share.key, share.number - 1]
        if share.current is not None:
            current[share.teller] = share.current
        if share.before is not None:
            before[share.teller] = share.before
        return _without(share.teller, current), _without(share.teller, before)


def _without(teller: str, counts: dict[str, int]) -> int:
    return sum(count for name, count in counts.items() if name != teller)

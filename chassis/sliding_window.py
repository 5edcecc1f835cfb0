"""Counting in a sliding window, by two buckets that several processes fill.

Time is cut into windows, numbered from 1970 on, the same in every process. What was used is this window's count
and, of the count of the window before, the share that is not a window ago yet, as if it had come evenly. So no
window's own count exceeds the limit, and any span of one window's length has at most twice as many, when all of
the one before came at its end: as with a token bucket. Both buckets are sums, so what processes count apart is
simply added; GCRA's one time stamp cannot be.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class SlidingWindow:
    """What was counted under one key in the window ``number`` and in the one before it.

    ``mine`` is this process's count, ``others`` what the others had when they were heard last. ``told`` is what
    the others were told last of ``mine``, under the name ``teller``: a window that was forgotten and is counted anew
    has another, so that what was told before still counts.
    """

    number: int
    teller: str
    mine: int = 0
    others: int = 0
    told: int = 0
    mine_before: int = 0
    others_before: int = 0
    told_before: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether forgetting it would change nothing, for anybody."""
        return not (self.mine or self.others or self.told or self.mine_before or self.others_before or self.told_before)

    def move_to(self, number: int) -> None:
        """Let the window ``number`` be the present one.

        A clock that was set back a little stays where it was; set back further, it makes a new beginning.
        """
        steps = number - self.number
        if steps in (0, -1):
            return
        self.number = number
        is_next = steps == 1
        self.mine_before, self.others_before, self.told_before = (
            (self.mine, self.others, self.told) if is_next else (0, 0, 0)
        )
        self.mine = self.others = self.told = 0

    def wait_ms(self, count_max: int, window_ms: int, now_ms: int) -> int:
        """How long until one more is within ``count_max``: 0 when it is now. Everything in milliseconds."""
        current, before = self.mine + self.others, self.mine_before + self.others_before
        elapsed_ms = max(0, now_ms - self.number * window_ms)
        room = count_max - 1 - current
        if room < 0:  # only in the next window, where this one's count is the one before
            return 2 * window_ms - elapsed_ms - (count_max - 1) * window_ms // current
        if before * (window_ms - elapsed_ms) <= room * window_ms:
            return 0
        return window_ms - elapsed_ms - room * window_ms // before

    def left(self, count_max: int, window_ms: int, now_ms: int) -> int:
        """How many more are within ``count_max`` now."""
        elapsed_ms = max(0, now_ms - self.number * window_ms)
        before = (self.mine_before + self.others_before) * (window_ms - elapsed_ms)
        return max(0, count_max - self.mine - self.others - -(-before // window_ms))

    def give_back(self, number: int) -> None:
        """Take back one of ``mine`` that was counted in the window ``number``, if that one is still looked at."""
        if number == self.number:
            self.mine = max(0, self.mine - 1)
        elif number == self.number - 1:
            self.mine_before = max(0, self.mine_before - 1)

    def to_tell(self) -> tuple[int | None, int | None]:
        """What the others are to be told of this window and of the one before; None where there is nothing new.

        The present count is told again each time: whoever keeps the counts may have lost them.
        """
        current = self.mine if self.mine or self.told else None
        before = self.mine_before if self.mine_before != self.told_before else None
        return current, before

    def learn(self, number: int, told: tuple[int | None, int | None], others: tuple[int, int]) -> None:
        """Note what the others were told, and what they had, in the window ``number`` and in the one before."""
        if number == self.number:
            self.others, self.others_before = others
            self.told = self.told if told[0] is None else told[0]
            self.told_before = self.told_before if told[1] is None else told[1]
        elif number == self.number - 1:
            self.others_before = others[0]
            self.told_before = self.told_before if told[0] is None else told[0]

"""What the tests of limits talk about: Ada's tries, and how many of them pass."""

from datetime import UTC, datetime

from chassis.config import Secret
from chassis.rate_limits import Charge, Limit, Permit, RateLimited, RateLimits
from chassis.testing import ManualClock

SECRET = Secret("the secret that hides whose counts they are")
BEGIN = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
"""The first moment of a window, whatever its length is here."""

TEN = Limit("tries", 10, 60)
ADA = Charge(TEN, "ada@example.com")


def passed(limits: RateLimits, charge: Charge, tries: int) -> int:
    """How many of so many tries pass."""
    return sum(wait_seconds(limits, charge) == 0 for _ in range(tries))


def wait_seconds(limits: RateLimits, *charges: Charge) -> float:
    """Try once: 0 when it passes, else how long to wait."""
    try:
        limits.take(*charges)
    except RateLimited as error:
        return error.retry_after_seconds
    return 0.0


class Asked:
    """The same definition over the times of all that passed, written down once more."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.times_ms: list[int] = []

    def allows(self, now_ms: int) -> bool:
        assert self.limit.count is not None
        window_ms = self.limit.window_seconds * 1000
        begin_ms = now_ms - now_ms % window_ms
        current = sum(time_ms >= begin_ms for time_ms in self.times_ms)
        before = sum(begin_ms - window_ms <= time_ms < begin_ms for time_ms in self.times_ms)
        return before * (window_ms - now_ms % window_ms) + (current + 1) * window_ms <= self.limit.count * window_ms

    def most_in_one_span(self) -> int:
        window_ms = self.limit.window_seconds * 1000
        return max((sum(0 <= t - begin < window_ms for t in self.times_ms) for begin in self.times_ms), default=0)


def now_ms(clock: ManualClock) -> int:
    return round(clock.now().timestamp() * 1000)


def give_all_back(permits: list[Permit]) -> None:
    for permit in permits:
        permit.give_back(TEN)

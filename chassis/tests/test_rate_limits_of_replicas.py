"""Limits of replicas that count apart and settle: what they make of it together."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.rate_limits import Charge, Limit, RateLimits
from chassis.shared_counts import CountsUnavailable, MemoryCounts, Share, SharedCounts
from chassis.testing import ManualClock
from chassis.tests.limit_scene import ADA, BEGIN, SECRET, TEN, Asked, give_all_back, now_ms, passed, wait_seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGIN)


def replicas(number: int, clock: ManualClock, counts: SharedCounts | None = None) -> list[RateLimits]:
    counts = counts or MemoryCounts()
    return [RateLimits(counts, SECRET, clock) for _ in range(number)]


async def settle(*all_of_them: RateLimits) -> None:
    for limits in all_of_them:
        await limits.settle()


async def test_what_one_replica_counted_the_other_one_refuses(clock: ManualClock) -> None:
    first, second = replicas(2, clock)
    passed(first, ADA, 9)
    await settle(first)
    passed(second, ADA, 1)
    await settle(second)

    assert passed(second, ADA, 5) == 0


async def test_between_two_settlements_each_of_three_replicas_lets_a_whole_limit_pass_and_the_excess_counts(
    clock: ManualClock,
) -> None:
    three = replicas(3, clock)
    together = sum([passed(limits, ADA, 50) for limits in three])
    await settle(*three)
    [wait_seconds(limits, ADA) for limits in three]
    await settle(*three)

    waits = {wait_seconds(limits, ADA) for limits in three}

    assert together == 30
    assert waits == {60 + 42}  # of thirty, nine are left at 42 s of the next window


@given(
    tries=st.lists(st.integers(1, 15), min_size=2, max_size=4),
    settled=st.lists(st.integers(0, 3), max_size=6),
    pause_seconds=st.integers(0, 130),
    asked=st.integers(0, 3),
)
async def test_replicas_come_to_the_answer_of_a_single_one(
    tries: list[int], settled: list[int], pause_seconds: int, asked: int
) -> None:
    clock, model = ManualClock(BEGIN), Asked(TEN)
    all_of_them = replicas(len(tries), clock)
    for limits, number in zip(all_of_them, tries, strict=True):
        model.times_ms += [now_ms(clock)] * passed(limits, ADA, number)
    for number in settled:
        await settle(all_of_them[number % len(tries)])
    await settle(*all_of_them)
    clock.advance(pause_seconds)
    one = all_of_them[asked % len(tries)]
    model.times_ms += [now_ms(clock)] * passed(one, ADA, 1)
    await settle(one)

    for _ in range(11):
        allowed = model.allows(now_ms(clock))
        assert (wait_seconds(one, ADA) == 0) == allowed
        model.times_ms += [now_ms(clock)] * allowed


async def test_what_one_replica_gave_back_the_other_one_may_use(clock: ManualClock) -> None:
    first, second = replicas(2, clock)
    permits = [first.take(ADA) for _ in range(9)]
    second.take(ADA)
    await settle(first, second)
    assert passed(second, ADA, 1) == 0

    give_all_back(permits)
    await settle(first, second)

    assert passed(second, ADA, 10) == 9


class Lossy(MemoryCounts):
    """Counts that can be away, lose their answers, and lose everything."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.loses_answers = False

    async def exchange(self, shares: Sequence[Share]) -> list[tuple[int, int]]:
        if self.is_away:
            raise CountsUnavailable("away")
        answer = await super().exchange(shares)
        if self.loses_answers:
            raise CountsUnavailable("no answer")
        return answer


async def test_without_the_others_each_limits_alone_and_tells_it_later(clock: ManualClock) -> None:
    counts = Lossy()
    first, second = replicas(2, clock, counts)
    counts.is_away = True

    assert (passed(first, ADA, 20), passed(second, ADA, 20)) == (10, 10)
    for limits in (first, second):
        with pytest.raises(CountsUnavailable):
            await limits.settle()
    counts.is_away = False
    await settle(first, second)
    wait_seconds(first, ADA)
    await settle(first)

    assert wait_seconds(first, ADA) == 60 + 33  # twenty: nine are left at 33 s of the next window


async def test_a_lost_answer_counts_nothing_twice(clock: ManualClock) -> None:
    counts = Lossy()
    first, second = replicas(2, clock, counts)
    passed(first, ADA, 4)
    counts.loses_answers = True
    for _ in range(3):
        with pytest.raises(CountsUnavailable):
            await first.settle()
    counts.loses_answers = False
    second.take(ADA)
    await settle(first, second)

    assert passed(second, ADA, 10) == 5


async def test_counts_that_were_lost_are_told_again_for_whom_is_asked(clock: ManualClock) -> None:
    counts = Lossy()
    first, second = replicas(2, clock, counts)
    passed(first, ADA, 5)
    await settle(first)

    counts.counts.clear()
    passed(first, ADA, 1)
    second.take(ADA)
    await settle(first, second)

    assert passed(second, ADA, 10) == 3


async def test_nothing_is_exchanged_about_whom_nobody_asked(clock: ManualClock) -> None:
    (limits,) = replicas(1, clock)
    limits.take(ADA)

    assert await limits.settle()
    assert not await limits.settle()


async def test_more_keys_than_one_exchange_takes_are_settled_in_several(clock: ManualClock) -> None:
    first, second = replicas(2, clock)
    people = [Charge(Limit("tries", 2, 60), str(number)) for number in range(1_001)]
    for person in people:
        first.take(person)
        second.take(person)
    await settle(first, second)

    assert {wait_seconds(second, person) > 0 for person in people} == {True}

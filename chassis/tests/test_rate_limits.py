"""Limits: what passes, what is told to wait, and what replicas that count apart make of it together."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.call import Call, calling
from chassis.config import ConfigError, Environment, Secret
from chassis.rate_limits import (
    COUNT_MAX,
    HIDDEN_CLIENTS,
    WINDOW_SECONDS_MAX,
    Charge,
    Limit,
    Permit,
    RateLimited,
    RateLimits,
    client,
    everybody,
)
from chassis.shared_counts import CountsUnavailable, MemoryCounts, Share, SharedCounts
from chassis.testing import ManualClock

SECRET = Secret("the secret that hides whose counts they are")
BEGIN = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
"""The first moment of a window, whatever its length is here."""

TEN = Limit("tries", 10, 60)
ADA = Charge(TEN, "ada@example.com")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGIN)


@pytest.fixture
def limits(clock: ManualClock) -> RateLimits:
    return RateLimits(MemoryCounts(), SECRET, clock)


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


def test_ten_pass_and_the_eleventh_is_told_when_to_come_back(limits: RateLimits) -> None:
    assert passed(limits, ADA, 10) == 10

    with pytest.raises(RateLimited) as caught:
        limits.take(ADA)

    assert (caught.value.reason, caught.value.metadata) == ("RATE_LIMITED", {"limit": "tries"})
    assert caught.value.retry_after_seconds == 66  # at 6 s of the next window nine tenths of ten are left


def test_others_are_not_concerned(limits: RateLimits) -> None:
    passed(limits, ADA, 11)

    assert passed(limits, Charge(TEN, "bob@example.com"), 10) == 10
    assert passed(limits, Charge(Limit("something else", 3, 60), ADA.key), 4) == 3


def test_what_is_refused_does_not_count(limits: RateLimits, clock: ManualClock) -> None:
    passed(limits, ADA, 1_000)
    clock.advance(120)

    assert passed(limits, ADA, 11) == 10


@given(
    limit=st.builds(Limit, st.just("tries"), st.integers(1, 6), st.integers(1, 3)),
    pauses_ms=st.lists(st.sampled_from([0, 0, 1, 7, 250, 999, 1000, 1500, 3001]), max_size=80),
)
def test_it_counts_as_it_says_and_no_span_of_a_window_has_more_than_twice_the_limit(
    limit: Limit, pauses_ms: list[int]
) -> None:
    clock, model = ManualClock(BEGIN), Asked(limit)
    limits = RateLimits(MemoryCounts(), SECRET, clock)

    for pause_ms in pauses_ms:
        clock.advance(pause_ms / 1000)
        allowed = model.allows(now_ms(clock))
        assert (wait_seconds(limits, Charge(limit, "ada")) == 0) == allowed
        model.times_ms += [now_ms(clock)] * allowed

    assert limit.count is not None
    assert model.most_in_one_span() <= 2 * limit.count


@given(
    limit=st.builds(Limit, st.just("tries"), st.integers(1, 6), st.integers(1, 3)),
    pauses_ms=st.lists(st.integers(0, 2000), max_size=30),
)
def test_who_waits_as_long_as_told_passes_and_not_a_millisecond_before(limit: Limit, pauses_ms: list[int]) -> None:
    clock = ManualClock(BEGIN)
    limits, charge = RateLimits(MemoryCounts(), SECRET, clock), Charge(limit, "ada")
    for pause_ms in pauses_ms:
        clock.advance(pause_ms / 1000)
        wait_seconds(limits, charge)
    while (wait := wait_seconds(limits, charge)) == 0:
        pass

    clock.advance(wait - 0.001)
    almost = wait_seconds(limits, charge)
    clock.advance(almost)

    assert almost == pytest.approx(0.001)
    assert wait_seconds(limits, charge) == 0


def test_a_clock_that_is_set_back_locks_nobody_out(limits: RateLimits, clock: ManualClock) -> None:
    clock.advance(86_400)
    passed(limits, ADA, 10)

    clock.advance(-86_400)

    assert passed(limits, ADA, 11) == 10


def test_a_clock_that_is_set_back_a_moment_forgives_nothing(limits: RateLimits, clock: ManualClock) -> None:
    clock.advance(60)
    passed(limits, ADA, 10)

    clock.advance(-0.5)

    assert wait_seconds(limits, ADA) > 0


def test_of_several_limits_each_counts_or_none(limits: RateLimits) -> None:
    all_of_them = Charge(Limit("all", 100, 60), "")
    passed(limits, ADA, 10)

    for _ in range(200):
        wait_seconds(limits, all_of_them, ADA)

    assert passed(limits, all_of_them, 101) == 100


def test_the_limit_with_the_longest_wait_is_the_one_that_is_named(limits: RateLimits) -> None:
    short, long = everybody(Limit("short", 1, 1)), everybody(Limit("long", 1, 3600))
    limits.take(short, long)

    with pytest.raises(RateLimited) as caught:
        limits.take(short, long)

    assert caught.value.metadata == {"limit": "long"}


def test_what_is_given_back_may_be_done_again(limits: RateLimits) -> None:
    permits = [limits.take(ADA) for _ in range(10)]

    for permit in permits[:3]:
        permit.give_back(TEN)

    assert passed(limits, ADA, 10) == 3


def test_nothing_is_given_back_twice(limits: RateLimits) -> None:
    permits = [limits.take(ADA) for _ in range(10)]

    for _ in range(5):
        permits[0].give_back(TEN)
        permits[0].give_back(Limit("never charged", 1, 1))

    assert passed(limits, ADA, 10) == 1


def test_what_is_given_back_in_the_next_window_is_taken_from_the_one_it_counted_in(
    limits: RateLimits, clock: ManualClock
) -> None:
    permits = [limits.take(ADA) for _ in range(10)]
    clock.advance(60)

    give_all_back(permits)

    assert passed(limits, ADA, 11) == 10


def give_all_back(permits: list[Permit]) -> None:
    for permit in permits:
        permit.give_back(TEN)


def test_a_limit_that_is_off_lets_everything_pass_and_remembers_nobody(limits: RateLimits) -> None:
    assert passed(limits, Charge(Limit("tries", None), "ada"), 1_000) == 1_000
    assert len(limits) == 0


def test_no_more_keys_are_remembered_than_the_maximum_and_the_oldest_go(clock: ManualClock) -> None:
    limits = RateLimits(MemoryCounts(), SECRET, clock, keys_max=3)
    once = Limit("tries", 1, 60)
    for name in ("ada", "bob", "cyd"):
        limits.take(Charge(once, name))
    wait_seconds(limits, Charge(once, "ada"))  # asked for again: now bob is the oldest

    limits.take(Charge(once, "dan"))

    assert len(limits) == 3
    assert [wait_seconds(limits, Charge(once, name)) > 0 for name in ("ada", "cyd", "dan")] == [True] * 3
    assert wait_seconds(limits, Charge(once, "bob")) == 0


async def test_what_was_told_of_a_forgotten_key_still_counts(clock: ManualClock) -> None:
    limits = RateLimits(MemoryCounts(), SECRET, clock, keys_max=1)
    passed(limits, ADA, 9)
    await limits.settle()
    limits.take(Charge(TEN, "bob@example.com"))

    limits.take(ADA)
    await limits.settle()

    assert wait_seconds(limits, ADA) > 0


async def test_keys_that_are_over_are_forgotten(limits: RateLimits, clock: ManualClock) -> None:
    for number in range(100):
        limits.take(Charge(TEN, f"{number}@example.com"))
    await limits.settle()
    clock.advance(119)
    await limits.settle()
    assert len(limits) == 100

    clock.advance(1)
    await limits.settle()

    assert len(limits) == 0


async def test_who_gave_everything_back_is_forgotten_everywhere(limits: RateLimits) -> None:
    limits.take(ADA).give_back(TEN)

    await limits.settle()

    assert len(limits) == 0


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


async def test_nothing_is_exchanged_about_whom_nobody_asked(limits: RateLimits) -> None:
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


@pytest.mark.parametrize(
    ("text", "count", "window_seconds"),
    [
        ("10/60", 10, 60),
        ("1/1", 1, 1),
        (f"{COUNT_MAX}/{WINDOW_SECONDS_MAX}", COUNT_MAX, WINDOW_SECONDS_MAX),
        ("off", None, 1),
        ("", 5, 30),
    ],
)
def test_a_limit_is_read_as_a_count_in_seconds(text: str, count: int | None, window_seconds: int) -> None:
    env = Environment({"LIMIT": text})

    limit = Limit.read(env, "LIMIT", "tries", "5/30")

    env.check()
    assert limit == Limit("tries", count, window_seconds)


@pytest.mark.parametrize(
    "text",
    ["10", "0/60", "10/0", "-1/60", "1.5/60", "10/60s", "OFF", "10 / 60", "٣/60", f"{COUNT_MAX + 1}/60", "1/86401"],
)
def test_what_is_no_limit_is_named(text: str) -> None:
    env = Environment({"LIMIT": text})

    Limit.read(env, "LIMIT", "tries", "5/30")

    with pytest.raises(ConfigError, match="LIMIT must look like 10/60"):
        env.check()


@pytest.fixture
def call() -> Iterator[Call]:
    call = Call("r-1", "", 0.0)
    with calling(call):
        yield call


@pytest.mark.parametrize(
    ("one", "other", "are_one_client"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("local", "local", True),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(
    call: Call, limits: RateLimits, one: str, other: str, are_one_client: bool
) -> None:
    call.client_address = one
    passed(limits, client(TEN), 10)

    call.client_address = other

    assert (wait_seconds(limits, client(TEN)) > 0) == are_one_client


def test_clients_behind_a_gateway_without_proof_share_more_than_one_has(call: Call, limits: RateLimits) -> None:
    call.client_is_hidden = True
    for number in range(10 * HIDDEN_CLIENTS):
        call.client_address = f"10.0.0.{number}"
        limits.take(client(TEN))

    with pytest.raises(RateLimited):
        limits.take(client(TEN))
    call.client_is_hidden = False

    assert wait_seconds(limits, client(TEN)) == 0


def test_a_limit_that_is_off_is_off_for_hidden_clients_too(call: Call, limits: RateLimits) -> None:
    call.client_is_hidden = True

    assert passed(limits, client(Limit("tries", None)), 1_000) == 1_000

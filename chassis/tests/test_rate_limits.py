"""Limits: what passes, and what is told to wait."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.call import Call, calling
from chassis.config import ConfigError, Environment
from chassis.rate_limits import (
    COUNT_MAX,
    HIDDEN_CLIENTS,
    WINDOW_SECONDS_MAX,
    Charge,
    Limit,
    RateLimited,
    RateLimits,
    client,
    everybody,
)
from chassis.shared_counts import MemoryCounts
from chassis.testing import ManualClock
from chassis.tests.limit_scene import ADA, BEGIN, SECRET, TEN, Asked, give_all_back, now_ms, passed, wait_seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGIN)


@pytest.fixture
def limits(clock: ManualClock) -> RateLimits:
    return RateLimits(MemoryCounts(), SECRET, clock)


def test_ten_pass_and_the_eleventh_is_told_when_to_come_back(limits: RateLimits) -> None:
    assert passed(limits, ADA, 10) == 10

    with pytest.raises(RateLimited) as caught:
        limits.take(ADA)

    assert (caught.value.reason, caught.value.metadata) == ("RATE_LIMITED", {"limit": "tries"})
    assert caught.value.retry_after_seconds == 66  # at 6 s of the next window nine tenths of ten are left


def test_it_says_how_many_are_left_and_when_the_window_ends(limits: RateLimits, clock: ManualClock) -> None:
    before = limits.standing(ADA)
    passed(limits, ADA, 4)
    clock.advance(15)
    after = limits.standing(ADA)

    assert before == (10, 60)
    assert after == (6, 45)


@given(
    limit=st.builds(Limit, st.just("tries"), st.integers(1, 6), st.integers(1, 3)),
    pauses_ms=st.lists(st.sampled_from([0, 0, 1, 7, 250, 999, 1000, 1500, 3001]), max_size=80),
)
def test_one_passes_exactly_when_one_is_left(limit: Limit, pauses_ms: list[int]) -> None:
    clock = ManualClock(BEGIN)
    limits, charge = RateLimits(MemoryCounts(), SECRET, clock), Charge(limit, "ada")

    for pause_ms in pauses_ms:
        clock.advance(pause_ms / 1000)
        left = limits.standing(charge).left

        assert passed(limits, charge, 1) == min(left, 1)
        assert limits.standing(charge).left == max(0, left - 1)


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

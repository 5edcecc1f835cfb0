"""A mail repeats in two windows only, and the rig tells them apart."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notifier.mail import SUBJECTS
from services.notifier.notification import Kind
from tests.faults.rig.emulator.mails import SentMail
from tests.faults.rig.kills import Moment
from tests.faults.rig.repeats import Window, in_words, repeats, unexplained

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def mail(seconds: float, *, answered: bool = True, accepted: bool = True, order_id: str = "a" * 32) -> SentMail:
    return SentMail(
        "grace@example.com",
        SUBJECTS[Kind.PROCESSED].format(number="abc"),
        f"Hello\n--\nOrder {order_id}\n",
        "",
        at(seconds),
        "id" if accepted else "",
        answered,
    )


def moment(begin: float, end: float | None = None, process: str = "notifier") -> Moment:
    """A kill, or a freeze when it has an end."""
    return Moment(process, at(begin), at(begin if end is None else end))


def windows(first: SentMail, again: SentMail, *moments: Moment) -> list[Window | None]:
    return [repeat.window(moments) for repeat in repeats([first, again])]


def test_a_mail_that_was_refused_first_is_no_repeat() -> None:
    assert list(repeats([mail(0, accepted=False), mail(1), mail(2, order_id="b" * 32)])) == []


def test_the_windows_are_counted_apart() -> None:
    found = list(repeats([mail(0, answered=False), mail(5), mail(10), mail(20)]))

    assert in_words(found, [moment(5.2), moment(13, 19)]) == (
        "3 (SES's answer lost 1, our mark lost 1, frozen before the socket 1)"
    )


def test_a_repeat_whose_answer_was_lost_needs_no_other_reason() -> None:
    assert windows(mail(0, answered=False), mail(5)) == [Window.ANSWER]


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(moment(0.2), id="killed"),
        pytest.param(moment(-0.3), id="killed-with-the-request-under-way"),
        pytest.param(moment(0.2, 6, "notifier-2"), id="frozen"),
        pytest.param(moment(-3, process="mongod"), id="no-mongod-yet"),
    ],
)
def test_a_mark_is_lost_with_whoever_was_to_make_it_right_after_the_first_mail(lost: Moment) -> None:
    assert windows(mail(0), mail(5), lost) == [Window.MARK]


def test_a_sender_that_slept_for_longer_than_it_waits_gives_the_answer_up_when_it_wakes() -> None:
    assert windows(mail(6.1), mail(11), moment(4, 6)) == [Window.ANSWER]


def test_a_kill_is_no_freeze() -> None:
    assert not Moment.of_kill("notifier").is_freeze_of("notifier")


def test_whoever_froze_before_the_socket_sends_what_another_has_sent_when_it_wakes() -> None:
    assert windows(mail(10), mail(20), moment(3, 19.9)) == [Window.FROZEN]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(moment(-4), id="killed-long-before"),
        pytest.param(moment(4.9), id="killed-just-before-the-second-mail"),
        pytest.param(moment(0.2, process="redis"), id="redis-killed"),
        pytest.param(moment(0.2, process="orders"), id="orders-killed"),
        pytest.param(moment(0.2, 4.9, "auth"), id="auth-frozen"),
        pytest.param(moment(-9, -4), id="frozen-long-before"),
        pytest.param(moment(-2.5, -0.6), id="awake-before-the-first-mail"),
        pytest.param(moment(-1, 0, "orders"), id="orders-frozen"),
    ],
)
def test_a_repeat_that_nothing_explains_is_a_finding(other: Moment) -> None:
    (finding,) = unexplained(repeats([mail(0), mail(5)]), [other])

    assert finding.startswith(f"MAILS: the mail about {'a' * 32} repeats, and nothing was lost")

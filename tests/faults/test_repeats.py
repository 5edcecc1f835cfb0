"""A mail repeats in two windows only, and the rig tells them apart."""

from datetime import UTC, datetime, timedelta

from services.notifier.mail import SUBJECTS
from services.notifier.notification import Kind
from tests.faults.rig.emulator.mails import SentMail
from tests.faults.rig.kills import Moment
from tests.faults.rig.repeats import in_words, repeats, unexplained

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


def test_a_mail_that_was_refused_first_is_no_repeat() -> None:
    assert list(repeats([mail(0, accepted=False), mail(1), mail(2, order_id="b" * 32)])) == []


def test_the_two_windows_are_counted_apart() -> None:
    found = list(repeats([mail(0, answered=False), mail(5), mail(10)]))

    assert in_words(found) == "2 (SES's answer lost 1, our mark lost 1)"


def test_a_repeat_whose_answer_was_lost_needs_no_other_reason() -> None:
    assert list(unexplained(repeats([mail(0, answered=False), mail(5)]), [])) == []


def test_a_repeat_is_explained_by_a_kill_right_after_the_first_mail() -> None:
    kill = Moment("notifier", at(0.2), at(0.2))

    assert list(unexplained(repeats([mail(0), mail(5)]), [kill])) == []


def test_a_repeat_is_explained_by_a_freeze_that_ended_right_before_the_second_mail() -> None:
    freeze = Moment("notifier", at(-30), at(19.9))

    assert list(unexplained(repeats([mail(10), mail(20)]), [freeze])) == []


def test_a_repeat_without_a_reason_is_a_finding() -> None:
    kill = Moment("notifier", at(-4), at(-4))

    (finding,) = unexplained(repeats([mail(0), mail(5)]), [kill])

    assert finding.startswith(f"MAILS: the mail about {'a' * 32} repeats, and nothing was lost")

"""Mails that repeat, and in which of the two windows: the answer was lost, or our mark was.

The second window is also that of a process that froze between looking at its lease and the socket.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.faults.rig.emulator.mails import SentMail
from tests.faults.rig.kills import Moment

MARK_SECONDS_MAX = 2.0
"""From SES's answer to our mark in MongoDB, on a machine that is busy."""


@dataclass(frozen=True)
class Repeat:
    """A mail that SES accepted after it had accepted the same one."""

    first: SentMail
    again: SentMail

    @property
    def is_answer_lost(self) -> bool:
        """Whether nobody heard that the first one was accepted."""
        return not self.first.answered

    def is_explained_by(self, moment: Moment) -> bool:
        """Whether the process was killed before it could mark the first one, or froze around either."""
        slack = timedelta(seconds=MARK_SECONDS_MAX)
        return any(moment.begin - slack <= time <= moment.end + slack for time in (self.first.time, self.again.time))


def repeats(mails: Iterable[SentMail]) -> Iterator[Repeat]:
    """Every accepted mail that repeats another, with the one accepted last before it."""
    before = dict[tuple[str, str | None], SentMail]()
    for mail in sorted((mail for mail in mails if mail.accepted), key=lambda mail: mail.time):
        key = (mail.order_id, mail.kind)
        if key in before:
            yield Repeat(before[key], mail)
        before[key] = mail


def in_words(found: Iterable[Repeat]) -> str:
    """How many, and in which window."""
    answers, marks = 0, 0
    for repeat in found:
        answers += repeat.is_answer_lost
        marks += not repeat.is_answer_lost
    return f"{answers + marks} (SES's answer lost {answers}, our mark lost {marks})"


def unexplained(found: Iterable[Repeat], moments: Sequence[Moment]) -> Iterator[str]:
    """Repeats in neither window; ``moments`` are all kills and freezes."""
    for repeat in found:
        if not repeat.is_answer_lost and not any(map(repeat.is_explained_by, moments)):
            yield f"MAILS: the mail about {repeat.first.order_id} repeats, and nothing was lost ({_times(repeat)})"


def _times(repeat: Repeat) -> str:
    def of(time: datetime) -> str:
        return time.isoformat(timespec="milliseconds")

    return f"{of(repeat.first.time)}, {of(repeat.again.time)}"

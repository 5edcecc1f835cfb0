"""Mails that repeat, and why each may: there are two windows, and the first has two sides.

SES accepted the mail, and nobody heard of it: its answer was lost, or given up at once by a sender that had slept for
longer than it waits, or whoever was to mark the mail died or froze before that.
Or the process froze between looking at its lease and the socket: another one had sent the mail when it woke.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tests.faults.rig.emulator.mails import SentMail
from tests.faults.rig.kills import Moment

MARK_LATE_MAX = timedelta(seconds=2)
"""From SES's answer to our mark in MongoDB, and from waking to the socket, on a machine that is busy."""

ANSWER_LATE_MAX = timedelta(seconds=0.5)
"""From the end of a process, or from its waking, to the last mail that it had asked SES for."""

RESTART_MAX = timedelta(seconds=5)
"""From the end of mongod until marks can be made again."""


class Window(StrEnum):
    """How a mail came to be sent again."""

    ANSWER = "SES's answer lost"
    MARK = "our mark lost"
    FROZEN = "frozen before the socket"


@dataclass(frozen=True)
class Repeat:
    """A mail that SES accepted after it had accepted the same one."""

    first: SentMail
    again: SentMail

    def window(self, moments: Sequence[Moment]) -> Window | None:
        """The window that it came through; None: through neither. ``moments`` are all kills and freezes."""
        if not self.first.answered or any(map(self._answer_is_given_up, moments)):
            return Window.ANSWER
        if any(map(self._mark_is_lost, moments)):
            return Window.MARK
        return Window.FROZEN if any(map(self._sender_woke, moments)) else None

    def _answer_is_given_up(self, moment: Moment) -> bool:
        return moment.is_freeze_of("notifier") and moment.end <= self.first.time <= moment.end + ANSWER_LATE_MAX

    def _mark_is_lost(self, moment: Moment) -> bool:
        match moment.process.partition("-")[0]:
            case "notifier":
                no_mark_until = moment.begin + ANSWER_LATE_MAX
            case "mongod":
                no_mark_until = moment.end + RESTART_MAX
            case _:
                return False  # the end of any other process keeps nobody from making a mark
        return moment.begin - MARK_LATE_MAX <= self.first.time <= no_mark_until

    def _sender_woke(self, moment: Moment) -> bool:
        return moment.is_freeze_of("notifier") and moment.end <= self.again.time <= moment.end + MARK_LATE_MAX


def repeats(mails: Iterable[SentMail]) -> Iterator[Repeat]:
    """Every accepted mail that repeats another, with the one accepted last before it."""
    before = dict[tuple[str, str | None], SentMail]()
    for mail in sorted((mail for mail in mails if mail.accepted), key=lambda mail: mail.time):
        key = (mail.order_id, mail.kind)
        if key in before:
            yield Repeat(before[key], mail)
        before[key] = mail


def in_words(found: Sequence[Repeat], moments: Sequence[Moment]) -> str:
    """How many, and through which window."""
    windows = Counter(repeat.window(moments) for repeat in found)
    words = [f"{window} {windows[window]}" for window in Window]
    words += [f"at times that nobody noted {windows[None]}"] if windows[None] else []
    return f"{len(found)} ({', '.join(words)})"


def unexplained(found: Iterable[Repeat], moments: Sequence[Moment]) -> Iterator[str]:
    """Repeats through neither window; ``moments`` are all kills and freezes."""
    for repeat in found:
        if repeat.window(moments) is None:
            yield f"MAILS: the mail about {repeat.first.order_id} repeats, and nothing was lost ({_times(repeat)})"


def _times(repeat: Repeat) -> str:
    def of(time: datetime) -> str:
        return time.isoformat(timespec="milliseconds")

    return f"{of(repeat.first.time)}, {of(repeat.again.time)}"

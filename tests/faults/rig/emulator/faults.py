"""What may befall a request. Every fault is off until it is set, and may be set at any time.

The draws come from one seeded generator, in the order in which requests arrive.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.faults.rig.emulator.errors import AwsError, Cut

DELETING = frozenset({"DeleteMessage", "DeleteMessageBatch"})


@dataclass
class Faults:
    """Shares are of 1: of requests, of messages sent or deleted, or of entries, as each says."""

    duplicate_share: float = 0.0
    """Messages sent that are there twice, with one id: each of the two must be deleted."""
    reorder_window: int = 1
    """A receive takes any of so many that wait longest."""
    lost_delete_share: float = 0.0
    """Requests to delete that are done, and then cut."""
    resurrect_share: float = 0.0
    """Deleted messages that come back, after at most ``resurrect_seconds``."""
    resurrect_seconds: float = 3.0
    failed_entry_share: float = 0.0
    """Entries of a batch that are not done, and are in the answer's ``Failed``."""
    cut_before_share: float = 0.0
    """Requests to SQS that are cut, and nothing is done."""
    cut_after_share: float = 0.0
    """Requests to SQS that are done, and then cut."""
    delay_seconds: float = 0.0
    """Requests to SQS take at most so much longer, half of them before they are done and half after."""
    unavailable_share: float = 0.0
    """Requests to SQS that are answered 503; nothing is done."""
    throttle_share: float = 0.0
    """Requests to SQS that are throttled; nothing is done."""
    sqs_down: bool = False
    """Every request to SQS is cut, waiting ones too, and nothing is done."""

    mail_lost_answer_share: float = 0.0
    """Mails that are accepted, and the request is cut."""
    mail_cut_before_share: float = 0.0
    """Requests to send a mail that are cut, and no mail is accepted."""
    mail_delay_seconds: float = 0.0
    """Requests to send a mail take at most so much longer, half of them before the mail is accepted."""
    mail_unavailable_share: float = 0.0
    """Requests to send a mail that are answered 503; no mail is accepted."""
    mail_throttle_share: float = 0.0
    """Requests to send a mail that are throttled; no mail is accepted."""
    refused_recipient: str = ""
    """Mails to an address with this in it are refused for good; nothing is refused when it is empty."""
    ses_down: bool = False
    """Every request to SES is cut, for identities too, and nothing is done."""


@dataclass(frozen=True)
class Ordeal:
    """What one request goes through, once it is neither refused nor cut before anything is done."""

    seconds_before: float = 0.0
    seconds_after: float = 0.0
    is_cut_after: bool = False


@dataclass
class Dice:
    """Decides which fault happens, and counts it under the name of its setting without the unit."""

    faults: Faults
    random: Random
    injected: Counter[str] = field(default_factory=Counter)

    def hits(self, fault: str, share: float) -> bool:
        """Whether ``fault`` happens this time."""
        if share <= 0.0 or self.random.random() >= share:
            return False
        self.injected[fault] += 1
        return True

    def pick(self, waiting: int) -> int:
        """Which of ``waiting`` messages is received next."""
        window = min(waiting, self.faults.reorder_window)
        index = self.random.randrange(window) if window > 1 else 0
        if index:
            self.injected["reorder"] += 1
        return index

    def raise_if_sqs_is_down(self) -> None:
        """:raises Cut: while SQS is down."""
        if self.faults.sqs_down:
            self.injected["sqs_down"] += 1
            raise Cut

    def raise_if_ses_is_down(self) -> None:
        """:raises Cut: while SES is down."""
        if self.faults.ses_down:
            self.injected["ses_down"] += 1
            raise Cut

    def sqs_request(self, action: str) -> Ordeal:
        """What a request to SQS goes through.

        :raises Cut: when nothing of it is done.
        :raises AwsError: when it is refused, and nothing of it is done.
        """
        faults = self.faults
        self.raise_if_sqs_is_down()
        if self.hits("unavailable", faults.unavailable_share):
            raise AwsError("ServiceUnavailable", "The service is temporarily unavailable.", status=503)
        if self.hits("throttle", faults.throttle_share):
            raise self.random.choice(
                [
                    AwsError("ThrottlingException", "Rate exceeded"),
                    AwsError("RequestThrottled", "The request was denied due to request throttling.", status=403),
                ]
            )
        if self.hits("cut_before", faults.cut_before_share):
            raise Cut
        is_cut = self.hits("cut_after", faults.cut_after_share)
        is_cut |= action in DELETING and self.hits("lost_delete", faults.lost_delete_share)
        return self._ordeal("delay", faults.delay_seconds, is_cut)

    def mail(self) -> Ordeal:
        """What a request to send a mail goes through.

        :raises Cut: when the mail is not accepted.
        :raises AwsError: when it is refused, and the mail is not accepted.
        """
        faults = self.faults
        if self.hits("mail_unavailable", faults.mail_unavailable_share):
            raise AwsError("ServiceUnavailableException", "The service is temporarily unavailable.", status=503)
        if self.hits("mail_throttle", faults.mail_throttle_share):
            raise self.random.choice(
                [
                    AwsError("TooManyRequestsException", "Too many requests have been made.", status=429),
                    AwsError("ThrottlingException", "Maximum sending rate exceeded."),
                ]
            )
        if self.hits("mail_cut_before", faults.mail_cut_before_share):
            raise Cut
        is_cut = self.hits("mail_lost_answer", faults.mail_lost_answer_share)
        return self._ordeal("mail_delay", faults.mail_delay_seconds, is_cut)

    def _ordeal(self, fault: str, seconds_max: float, is_cut_after: bool) -> Ordeal:
        if seconds_max <= 0.0:
            return _UNHURT if not is_cut_after else _CUT_AFTER
        self.injected[fault] += 1
        seconds = self.random.uniform(0.0, seconds_max)
        before = seconds if self.random.random() < 0.5 else 0.0
        return Ordeal(before, seconds - before, is_cut_after)


_UNHURT = Ordeal()
_CUT_AFTER = Ordeal(is_cut_after=True)

"""The planted bugs, and the line of the audit that must turn red for each."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.faults.bite.scenarios import CRASH_BEFORE_THE_WRITE, MONGOD_KILLS_AT_ONCE, OUTAGE_OF_INVENTORY, RUSH
from tests.faults.rig.scenario import Scenario

PATCHES = Path(__file__).parent / "patches"


@dataclass(frozen=True)
class Bite:
    """A bug: ``patches/<name>.patch`` plants it, ``scenario`` brings it out, ``line`` is what the audit must say.

    ``line`` is a finding in which ``*`` stands for anything.
    """

    name: str
    line: str
    scenario: Scenario

    @property
    def patch(self) -> Path:
        """The change that plants it."""
        return PATCHES / f"{self.name}.patch"

    def red_lines(self, findings: Iterable[str]) -> list[str]:
        """Those findings that are the expected line."""
        return [finding for finding in findings if fnmatchcase(finding, self.line)]


BITES: tuple[Bite, ...] = (
    # Orders dies between the two: the event is out, and nobody repeats the call that would write the order.
    Bite(
        "publish_before_the_write",
        "PUBLISH: event * was published, its order is not there",
        CRASH_BEFORE_THE_WRITE,
    ),
    # Nothing is lost while nobody dies, and the sweep would heal it: only the time of the deletion shows it.
    Bite("delete_before_the_work", "QUEUE: the message of event * was deleted before its customer was told", RUSH),
    # A cancellation and a worker that read the same PENDING order both make their move.
    Bite("no_status_guard", "HISTORY: order *", RUSH),
    # Two replicas of inventory read the same counts, and the later write forgets the earlier one.
    Bite("read_then_write_stock", "I1: SKU-* has *; its reservations and adjustments say *", RUSH),
    # The first call left only its hold: the second one, with another body, makes an order of the first one's lines.
    Bite(
        "no_fingerprint_on_the_hold",
        "I3: order * was acknowledged with *, it has *",
        CRASH_BEFORE_THE_WRITE,
    ),
    # The hold of a call that nobody repeated stays for ever.
    Bite("no_hold_expiry", "I4: reservation * is HELD, its order is not there", CRASH_BEFORE_THE_WRITE),
    Bite("no_settlement_after_cancel", "I4: order * is CANCELLED, its stock is None", RUSH),
    # What mongod acknowledged before it wrote its journal is gone with it.
    Bite("write_concern_1", "I3: order * was answered to *, and is not there", MONGOD_KILLS_AT_ONCE),
    # Whoever reads an order, cancels it and reads it again gets the one that was remembered.
    Bite("caching_of_open_orders", "VERSIONS: * saw order * as * and then as *", RUSH),
    # SES takes a mail and its answer is lost: botocore asks again, and no attempt of ours says so.
    Bite("ses_retries_on", "MAILS: SES was asked * times for *, * attempts are recorded", RUSH),
    # SES has too much to do for a moment, and the customer is never told.
    Bite("throttled_mails_given_up", "MAILS: notification * was given up, SES does not refuse it", RUSH),
    # Messages come and go while nobody can do them, and the queue gives them up.
    Bite("receiving_in_an_outage", "DEAD_LETTERS: there are * dead letters, not 0", OUTAGE_OF_INVENTORY),
)

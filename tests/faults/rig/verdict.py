"""Safety while faults last, liveness when they are over, and the audit at the end."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from pymongo.errors import PyMongoError

from bench.audit import Evidence, MailRecord, QueueDepths, always, at_rest, open_databases, read_journal, unsettled
from bench.audit.data import Data
from tests.faults.rig.emulator.mails import SentMail
from tests.faults.rig.mesh import Mesh
from tests.faults.rig.repeats import in_words, repeats, unexplained
from tests.faults.rig.scenario import Run, Scenario

SAFETY_LOOKS_SECONDS = 2.0
LOOKS_SHARE_MAX = 0.1
"""Of the time, at most so much is spent on looking: the audit shares the machine with what it audits."""

REST_LOOKS_SECONDS = 0.1
P99 = "convergence p99 seconds"
"""The figure of a run that the report has a sentence of its own for."""

NEVER = datetime.max.replace(tzinfo=UTC)
CONVERGENCE_SECONDS_MAX = 10.0
"""The promise: after the last fault 99 of 100 orders are settled within this."""


async def watch_safety(run: Run) -> None:
    """Look again and again at what must hold at every moment; a database that is away is looked at later."""
    before: Data | None = None
    mails: list[MailRecord] = []
    async with open_databases(run.mesh.mongo_uri) as databases:
        while True:
            begun = monotonic()
            try:
                # Whether one of them was accepted is only known later; here it is how many there are.
                mails += [_record(mail) for mail in run.mesh.aws.mail_requests[len(mails) :]]
                evidence = Evidence(mails=mails)
                report = await always(databases, evidence, before)
            except PyMongoError:
                run.figures["safety looks that found no database"] = _count(run, "safety looks that found no database")
            else:
                before = report.data
                run.findings += [finding for finding in report.findings if finding not in run.findings]
                run.figures["safety looks"] = _count(run, "safety looks")
            await asyncio.sleep(max(SAFETY_LOOKS_SECONDS, (monotonic() - begun) / LOOKS_SHARE_MAX))


@dataclass(frozen=True)
class Rest:
    """When all was settled, in seconds after the last fault, and when 99 of 100 orders were that were not yet."""

    seconds: float
    orders: int
    p99_seconds: float

    def __str__(self) -> str:
        waited = f"{self.orders} orders were waited for, p99 {self.p99_seconds:.1f} s"
        return f"{self.seconds:.1f} s after the last fault; {waited}"


async def come_to_rest(run: Run) -> Rest:
    """Wait until everything is settled; a finding when it takes too long. The slowest of a run is in its figures.

    When all orders are settled by the time of the first look, that time is a bound for them. Holds may take longer.
    """
    last_fault_at = run.killer.last_at or monotonic()
    waited, first_look = dict[str, float](), 0.0
    async with open_databases(run.mesh.mongo_uri) as databases:
        while True:
            left = await unsettled(databases)
            now = monotonic() - last_fault_at
            first_look = first_look or now
            waited |= {sentence.split()[1]: now for sentence in left if sentence.startswith("order ")}
            if not left and depths(run.mesh).is_empty:
                break
            if now > run.rest_seconds_max:
                run.findings += [f"I3: still after {now:.0f} s: {sentence}" for sentence in left[:10]]
                run.require(bool(left), f"I6: the queue has {depths(run.mesh)} after {now:.0f} s")
                break
            await asyncio.sleep(REST_LOOKS_SECONDS)
    times = sorted(waited.values())
    seconds = monotonic() - last_fault_at
    p99 = times[len(times) * 99 // 100] if times else first_look
    run.require(p99 <= CONVERGENCE_SECONDS_MAX, f"LIVENESS: p99 was {p99:.1f} s, not {CONVERGENCE_SECONDS_MAX:.0f} s")
    run.killer.all_is_settled()
    rest = Rest(seconds, len(times), p99)
    slowest = run.figures.get(P99, 0.0)
    assert isinstance(slowest, float)
    if p99 >= slowest:
        run.figures |= {"at rest": str(rest), P99: round(p99, 1)}
    return rest


async def audit(run: Run, scenario: Scenario, journal: Path) -> None:
    """Check everything, with all that is known."""
    entries = await asyncio.to_thread(lambda: list(read_journal(journal)))
    evidence = Evidence(
        journal=entries,
        mails=[_record(mail) for mail in run.mesh.aws.mail_requests],
        published=run.mesh.aws.traffic.published,
        depths=depths(run.mesh),
        dead_letters_expected=scenario.dead_letters_max,
        refused_addresses=scenario.refused_addresses,
    )
    async with open_databases(run.mesh.mongo_uri) as databases:
        report = await at_rest(databases, evidence)
    repeated, moments = list(repeats(run.mesh.aws.mails)), run.killer.done.moments
    found = [*report.findings, *early_deletions(run.mesh, report.data)]
    if not scenario.loses_marks:
        found += unexplained(repeated, moments)
    run.findings += [finding for finding in found if finding not in run.findings]
    run.figures |= {
        "audited": ", ".join(f"{count:,} {name}" for name, count in report.checked.items()),
        "mails repeated": in_words(repeated, moments),
    }


def early_deletions(mesh: Mesh, data: Data) -> Iterator[str]:
    """Messages that were deleted before their customer was told: the sweep would heal it, and hide the bug."""
    told = {mail.order_id: mail.time for mail in reversed(mesh.aws.mails)}
    for event_id, deleted in mesh.aws.traffic.deletions.items():
        order = data.orders.get(event_id.partition(":")[0])
        row = data.notifications.get(order.notification_id) if order else None
        if order and not (row and row.state == "FAILED_PERMANENTLY") and told.get(order.order_id, NEVER) > deleted:
            yield f"QUEUE: the message of event {event_id} was deleted before its customer was told"


def depths(mesh: Mesh) -> QueueDepths:
    """What is in the emulator's queues."""
    queue, dead_letters = mesh.aws.queue, mesh.aws.dead_letters
    return QueueDepths(queue.waiting + queue.delayed, queue.in_flight, dead_letters.waiting + dead_letters.in_flight)


def _record(mail: SentMail) -> MailRecord:
    return MailRecord(mail.order_id, mail.kind or "", mail.recipient, mail.accepted)


def _count(run: Run, name: str) -> int:
    known = run.figures.get(name, 0)
    assert isinstance(known, int)
    return known + 1

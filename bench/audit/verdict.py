"""The audit, in two strengths: what must hold at every moment, and what must hold at rest."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bench.audit.answers import answer_findings, refusal_findings
from bench.audit.checks import Check
from bench.audit.data import Data, read_data
from bench.audit.databases import Databases
from bench.audit.events import event_findings, unpublished_findings
from bench.audit.journal import Entry, Fault
from bench.audit.mails import (
    MailRecord,
    given_up_findings,
    lost_mail_findings,
    mail_counts,
    notification_findings,
    repeated_mail_findings,
    request_findings,
    strangers_findings,
    untold_findings,
)
from bench.audit.orders import changed_findings, order_findings, unsettled_findings
from bench.audit.queues import QueueDepths
from bench.audit.stock import stock_findings


@dataclass(frozen=True)
class Evidence:
    """What is known besides the data; None: it is not known, and what needs it is not checked.

    ``journal``: what clients were answered, whole. ``mails``: every request that SES got since
    ``mails_since`` (None: since the data was empty). ``published``: how often the queue accepted each event.
    ``dead_letters_expected``: how many messages may be in the dead-letter queue or wait for a decision.
    ``refused_addresses``: SES refuses mails for good to addresses with this in them; empty: to nobody.
    """

    journal: Sequence[Entry] | None = None
    mails: Sequence[MailRecord] | None = None
    mails_since: datetime | None = None
    published: Mapping[str, int] | None = None
    depths: QueueDepths | None = None
    dead_letters_expected: int | None = None
    refused_addresses: str | None = None

    def copied(self) -> "Evidence":
        """As it is now: clients may go on while the data is read, and later answers say nothing about it."""
        return replace(
            self,
            journal=None if self.journal is None else tuple(self.journal),
            mails=None if self.mails is None else tuple(self.mails),
            published=None if self.published is None else Counter(self.published),
        )

    @property
    def had_fault(self) -> bool:
        """Whether the journal says that something was done to the mesh."""
        return any(isinstance(entry, Fault) for entry in self.journal or ())


@dataclass(frozen=True)
class Report:
    """What is wrong, one sentence each; how much of what was checked; and the data, for the next look."""

    findings: list[str]
    checked: dict[str, int]
    data: Data = field(repr=False)


NOTHING_KNOWN = Evidence()


async def always(databases: Databases, evidence: Evidence = NOTHING_KNOWN, before: Data | None = None) -> Report:
    """What must hold at every moment, also under load and in the middle of faults.

    ``before`` is the data of an earlier look: what has ended must not change any more.

    :raises PyMongoError: when MongoDB does not answer.
    """
    evidence = evidence.copied()
    data = await read_data(databases)

    def findings() -> list[str]:
        changed = () if before is None else changed_findings(before, data)
        return [*_momentary_findings(data, evidence), *changed]

    return await _report(data, evidence, findings)


async def at_rest(databases: Databases, evidence: Evidence = NOTHING_KNOWN) -> Report:
    """What must hold when nothing is under way any more: all of it. :func:`unsettled` says when that is.

    :raises PyMongoError: when MongoDB does not answer.
    """
    evidence = evidence.copied()
    data = await read_data(databases)
    return await _report(
        data, evidence, lambda: [*_momentary_findings(data, evidence), *_final_findings(data, evidence)]
    )


async def broken(databases: Databases) -> list[str]:
    """What the data alone says at rest."""
    return (await at_rest(databases)).findings


async def _report(data: Data, evidence: Evidence, find: Callable[[], list[str]]) -> Report:
    """In a thread: with many orders it takes a while, and servers may share the event loop."""
    return Report(await asyncio.to_thread(find), _counts(data, evidence), data)


def _momentary_findings(data: Data, evidence: Evidence) -> Iterator[str]:
    yield from stock_findings(data)
    yield from order_findings(data)
    yield from notification_findings(data)
    if evidence.journal is not None:
        yield from answer_findings(data, evidence.journal)
    if evidence.mails is not None:
        yield from request_findings(data, evidence.mails)
        yield from strangers_findings(data, evidence.mails)
        if evidence.journal is not None and not evidence.had_fault:
            yield from repeated_mail_findings(evidence.mails)
    if evidence.refused_addresses is not None:
        yield from given_up_findings(data, evidence.refused_addresses)
    if evidence.published is not None:
        yield from event_findings(data, evidence.published, had_fault=evidence.had_fault)


def _final_findings(data: Data, evidence: Evidence) -> Iterator[str]:
    yield from unsettled_findings(data)
    yield from untold_findings(data)
    if evidence.journal is not None:
        yield from refusal_findings(data, evidence.journal)
    if evidence.mails is not None:
        yield from lost_mail_findings(data, evidence.mails, evidence.mails_since)
    if evidence.published is not None:
        yield from unpublished_findings(data, evidence.published)
    if evidence.depths is not None:
        yield from _queue_findings(data, evidence.depths, evidence.dead_letters_expected)


def _queue_findings(data: Data, depths: QueueDepths, dead_letters_expected: int | None) -> Iterator[str]:
    if not depths.is_empty:
        yield Check.I6.finding(f"{depths.waiting} messages wait in the queue, {depths.in_flight} are in flight")
    dead_letters = depths.dead_letters + data.dead_letters
    if dead_letters_expected is not None and dead_letters > dead_letters_expected:
        yield Check.DEAD_LETTERS.finding(f"there are {dead_letters} dead letters, not {dead_letters_expected}")


def _counts(data: Data, evidence: Evidence) -> dict[str, int]:
    counts = data.counts()
    if evidence.journal is not None:
        counts["lines of the journal"] = len(evidence.journal)
    if evidence.mails is not None:
        counts |= mail_counts(data, evidence.mails)
    if evidence.published is not None:
        counts["events published"] = sum(evidence.published.values())
    if evidence.depths is not None:
        counts["messages in the queue"] = evidence.depths.waiting + evidence.depths.in_flight
        counts["dead letters"] = evidence.depths.dead_letters + data.dead_letters
    return counts

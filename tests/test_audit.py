"""The audit itself: it finds nothing in data that is right, and each thing that is wrong, under its name."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.client_session import AsyncClientSession

from bench.audit import (
    Databases,
    Evidence,
    MailRecord,
    QueueDepths,
    always,
    at_rest,
    broken,
    open_databases,
    open_queues,
    read_journal,
    unsettled,
)
from bench.audit.__main__ import EXIT_BROKEN, NotAudited, audit
from bench.audit.journal import Accepted, Cancelled, Entry, Fault, JournalError, NotCancelled, Refused, Saw
from bench.audit.mails import mail_record
from chassis.aws import open_aws_client
from chassis.background import running
from chassis.mongo import Document
from deploy.local.console import Console
from deploy.local.env_file import read_env_file, write_env_file
from deploy.local.mails import Mail
from deploy.local.moto_server import LocalAws
from services.notifier.mail import render
from services.notifier.money import Money
from services.notifier.notification import Kind
from services.notifier.order import Item, Order

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def lines(quantity: int) -> list[Document]:
    price = {"currency_code": "EUR", "minor_units": 2_500}
    return [{"sku": "LAMP", "name": "Lamp", "quantity": quantity, "unit_price": price}]


def order(order_id: str, quantity: int, *statuses: str, stock: str | None = None) -> Document:
    """An order of Ada's that has ended and owes nothing."""
    return {
        "_id": order_id,
        "user_id": "ada",
        "request_id": f"key-{order_id}",
        "items": lines(quantity),
        "status": statuses[-1],
        "version": len(statuses),
        "history": [{"status": status, "time": NOON} for status in statuses],
        "pending_events": [],
        "notification": "DONE",
        **({"stock": stock} if stock else {}),
    }


def notification(order_id: str, kind: str) -> Document:
    return {"_id": f"{order_id}:{kind}", "state": "SENT", "attempts": 1, "send_time": NOON}


RIGHT: dict[tuple[str, str], list[Document]] = {
    ("inventory", "items"): [{"_id": "LAMP", "available": 8, "reserved": 0, "sold": 2, "adjusted": 10}],
    ("inventory", "adjustments"): [
        {"_id": {"sku": "LAMP", "request_id": ""}, "delta": 12},
        {"_id": {"sku": "LAMP", "request_id": "broken"}, "delta": -2},
    ],
    ("inventory", "reservations"): [
        {"_id": "sold", "state": "COMMITTED", "lines": lines(2)},
        {"_id": "late", "state": "RELEASED", "lines": lines(3)},
        {"_id": "regretted", "state": "RELEASED", "lines": lines(1)},
        {"_id": "abandoned", "state": "EXPIRED", "lines": lines(9)},
    ],
    ("orders", "orders"): [
        order("sold", 2, "PENDING", "PROCESSING", "PROCESSED"),
        order("late", 3, "PENDING", "PROCESSING", "FAILED", stock="RELEASED"),
        order("regretted", 1, "PENDING", "CANCELLED", stock="RELEASED"),
    ],
    ("notifier", "notifications"): [
        notification("sold", "processed"),
        notification("late", "failed"),
        notification("regretted", "cancelled"),
    ],
    ("notifier", "dead_letters"): [{"_id": "m-1", "state": "DELETED"}],
}
"""A lamp that was sold twice in one order; an order that failed, one that was cancelled, a hold that nobody used."""


def accepted(order_id: str, quantity: int, *, client: str = "c-1") -> Accepted:
    items = {"LAMP": quantity}
    return Accepted(1.0, client, "ada", f"key-{order_id}", order_id, items, "PENDING", 1, replayed=False)


JOURNAL: list[Entry] = [
    accepted("sold", 2),
    accepted("late", 3),
    accepted("regretted", 1),
    Cancelled(2.0, "c-1", "regretted", 2),
    Saw(2.0, "c-1", "sold", "PROCESSING", 2),
    NotCancelled(2.5, "c-1", "sold", "ORDER_NOT_CANCELLABLE"),
    Saw(3.0, "c-1", "sold", "PROCESSED", 3),
    Saw(3.0, "c-2", "sold", "PENDING", 1),
    Refused(4.0, "c-1", "ada", "key-greedy", {"LAMP": 99}, 409, "OUT_OF_STOCK"),
    Refused(4.0, "c-1", "ada", "key-sold", {"LAMP": 3}, 422, "IDEMPOTENCY_KEY_REUSED"),
]

SUPPORTED = Evidence(
    journal=JOURNAL,
    mails=[
        MailRecord("sold", "processed", accepted=True),
        MailRecord("late", "failed", accepted=True),
        MailRecord("regretted", "cancelled", accepted=True),
    ],
    published={"sold:1": 1, "late:1": 1, "regretted:1": 1, "regretted:2": 1},
    depths=QueueDepths(waiting=0, in_flight=0, dead_letters=0),
    dead_letters_expected=0,
)
"""What clients, SES and SQS say of the same."""


@pytest.fixture(scope="module")
async def audited(mongo_uri: str) -> AsyncIterator[Databases]:
    """One database for the collections of all services: the URI names it."""
    async with open_databases(mongo_uri.replace("/?", "/audited?")) as databases:
        yield databases
        await databases.client.drop_database("audited")


@pytest.fixture
async def databases(audited: Databases) -> Databases:
    """The data as it should be."""
    for (service, collection), documents in RIGHT.items():
        await audited[service][collection].delete_many({})
        await audited[service][collection].insert_many(documents)
    return audited


def checks(findings: list[str]) -> set[str]:
    return {finding.partition(":")[0] for finding in findings}


async def test_nothing_is_wrong_with_data_that_is_right(databases: Databases) -> None:
    assert (await always(databases, SUPPORTED)).findings == []
    assert (await at_rest(databases, SUPPORTED)).findings == []
    assert await broken(databases) == []
    assert await unsettled(databases) == []


async def test_a_report_says_how_much_was_checked(databases: Databases) -> None:
    checked = (await at_rest(databases, SUPPORTED)).checked

    assert checked == {
        "items": 1,
        "orders": 3,
        "reservations": 4,
        "notifications": 3,
        "lines of the journal": 10,
        "mails": 3,
        "mails repeated": 0,
        "mails refused for good": 0,
        "events published": 4,
        "messages in the queue": 0,
        "dead letters": 0,
    }


async def test_services_have_databases_of_their_own_unless_the_uri_names_one(
    mongo_uri: str, audited: Databases
) -> None:
    async with open_databases(mongo_uri) as databases:
        assert databases["orders"].name == "orders"
    assert audited["orders"].name == "audited"


ITEMS, RESERVATIONS = ("inventory", "items"), ("inventory", "reservations")
ORDERS, NOTIFICATIONS = ("orders", "orders"), ("notifier", "notifications")

WRONG_AT_EVERY_MOMENT = [
    (ITEMS, "LAMP", {"$set": {"available": 9}}, "I1"),
    (ITEMS, "LAMP", {"$set": {"sold": 1, "reserved": 1}}, "I1"),
    (ITEMS, "LAMP", {"$set": {"adjusted": 11, "available": 9}}, "I1"),
    (ITEMS, "LAMP", {"$set": {"available": -1, "reserved": 9}}, "I1"),
    (RESERVATIONS, "abandoned", {"$set": {"state": "HELD"}}, "I1"),
    (RESERVATIONS, "sold", {"$set": {"lines.0.sku": "LAMB"}}, "I1"),
    (("inventory", "adjustments"), {"sku": "LAMP", "request_id": ""}, {"$set": {"delta": 1}}, "I1"),
    (ORDERS, "late", {"$set": {"request_id": "key-sold"}}, "I2"),
    (RESERVATIONS, "sold", {"$set": {"state": "HELD"}}, "I4"),
    (RESERVATIONS, "sold", {"$set": {"state": "EXPIRED"}}, "I4"),
    (RESERVATIONS, "sold", {"$set": {"lines": lines(3)}}, "I4"),
    (RESERVATIONS, "sold", {"$set": {"lines.0.unit_price.minor_units": 1}}, "I4"),
    (RESERVATIONS, "late", {"$set": {"state": "EXPIRED"}}, "I4"),
    (RESERVATIONS, "regretted", {"$set": {"state": "COMMITTED"}}, "I4"),
    (RESERVATIONS, "abandoned", {"$set": {"state": "COMMITTED"}}, "I4"),
    (ORDERS, "sold", {"$set": {"status": "CANCELLED"}}, "HISTORY"),
    (ORDERS, "sold", {"$set": {"version": 4}}, "HISTORY"),
    (ORDERS, "sold", {"$push": {"history": {"status": "PROCESSED"}}, "$inc": {"version": 1}}, "HISTORY"),
    (ORDERS, "regretted", {"$set": {"history.0.status": "PROCESSING"}}, "HISTORY"),
    (ORDERS, "regretted", {"$set": {"history": []}}, "HISTORY"),
    (NOTIFICATIONS, "sold:processed", {"$set": {"state": "SENDING"}}, "I5"),
    (NOTIFICATIONS, "sold:processed", {"$set": {"attempts": 0}}, "MAILS"),
]


@pytest.mark.parametrize(("place", "document_id", "change", "check"), WRONG_AT_EVERY_MOMENT)
async def test_what_is_wrong_at_every_moment_is_found(
    databases: Databases, place: tuple[str, str], document_id: Any, change: Document, check: str
) -> None:
    service, collection = place
    await databases[service][collection].update_one({"_id": document_id}, change)

    assert check in checks((await always(databases, SUPPORTED)).findings)
    assert check in checks((await at_rest(databases, SUPPORTED)).findings)


WRONG_AT_REST = [
    (ORDERS, "regretted", {"$set": {"stock": "TO_RELEASE"}}, "I4"),
    (ORDERS, "sold", {"$set": {"notification": "TO_SEND"}}, "I5"),
    (ORDERS, "sold", {"$set": {"sweep_due_time": NOON}}, "I6"),
    (ORDERS, "sold", {"$set": {"outbox_due_time": NOON}}, "I6"),
    (ORDERS, "sold", {"$set": {"pending_events": [{"event_id": "sold:1"}]}}, "I6"),
]


@pytest.mark.parametrize(("place", "document_id", "change", "check"), WRONG_AT_REST)
async def test_what_may_be_under_way_is_found_at_rest_only(
    databases: Databases, place: tuple[str, str], document_id: str, change: Document, check: str
) -> None:
    service, collection = place
    await databases[service][collection].update_one({"_id": document_id}, change)

    assert len(await unsettled(databases)) == 1
    assert (await always(databases)).findings == []
    assert checks((await at_rest(databases)).findings) == {check}


async def test_a_hold_that_nobody_follows_up_keeps_the_data_from_rest(databases: Databases) -> None:
    await databases["inventory"]["reservations"].update_one({"_id": "abandoned"}, {"$set": {"state": "HELD"}})
    held = {"$set": {"adjusted": 19, "available": 8, "reserved": 9}}
    await databases["inventory"]["items"].update_one({}, held)
    await databases["inventory"]["adjustments"].update_one({"_id.request_id": ""}, {"$set": {"delta": 21}})

    assert (await always(databases)).findings == []
    assert await unsettled(databases) == ["reservation abandoned is HELD without an order"]
    assert await broken(databases) == ["I4: reservation abandoned is HELD, its order is not there"]


@pytest.mark.parametrize("missing", ["sold", "late"])
async def test_an_acknowledged_order_that_is_gone_is_found(databases: Databases, missing: str) -> None:
    await databases["orders"]["orders"].delete_one({"_id": missing})

    assert "I3" in checks((await always(databases, Evidence(journal=JOURNAL))).findings)


async def test_an_order_without_a_reservation_is_found(databases: Databases) -> None:
    await databases["inventory"]["reservations"].delete_one({"_id": "late"})

    assert checks((await always(databases)).findings) == {"I4"}


async def test_a_customer_who_was_not_told_is_found(databases: Databases) -> None:
    await databases["notifier"]["notifications"].delete_one({"_id": "late:failed"})
    await databases["orders"]["orders"].update_one({"_id": "late"}, {"$set": {"notification": "TO_SEND"}})

    assert (await always(databases)).findings == []
    assert "I5: notification late:failed is not there" in await broken(databases)


async def test_a_customer_who_was_told_of_an_end_that_was_not_is_found(databases: Databases) -> None:
    await databases["notifier"]["notifications"].insert_one(notification("sold", "cancelled"))

    assert checks((await always(databases)).findings) == {"I5"}


WRONG_ANSWERS = [
    (replace(accepted("sold", 2, client="c-9"), order_id="other"), {"I2", "I3"}),
    (replace(accepted("sold", 2, client="c-9"), user="eve"), {"I3"}),
    (accepted("sold", 3, client="c-9"), {"I3"}),
    (replace(accepted("sold", 2, client="c-9"), items={"LAMP": 2, "SHADE": 1}), {"I3"}),
    (Saw(9.0, "c-9", "never", "PENDING", 1), {"I3"}),
    (Cancelled(9.0, "c-9", "sold", 3), {"JOURNAL", "VERSIONS"}),
    (NotCancelled(9.0, "c-9", "regretted", "ORDER_NOT_CANCELLABLE"), {"JOURNAL"}),
    (Saw(9.0, "c-1", "sold", "PROCESSING", 2), {"VERSIONS"}),
    (Saw(9.0, "c-1", "sold", "FAILED", 3), {"VERSIONS"}),
    (Saw(9.0, "c-1", "regretted", "PROCESSING", 3), {"VERSIONS"}),
    (Saw(9.0, "c-9", "sold", "PROCESSED", 4), {"VERSIONS"}),
]


@pytest.mark.parametrize(("entry", "expected"), WRONG_ANSWERS)
async def test_an_answer_that_the_data_does_not_bear_out_is_found(
    databases: Databases, entry: Entry, expected: set[str]
) -> None:
    report = await always(databases, Evidence(journal=[*JOURNAL, entry]))

    assert checks(report.findings) == expected


async def test_an_order_of_a_key_that_was_refused_for_good_is_found(databases: Databases) -> None:
    refused = Refused(1.0, "c-1", "ada", "key-late", {"LAMP": 3}, 409, "OUT_OF_STOCK")
    never_accepted = [entry for entry in JOURNAL if entry != accepted("late", 3)]

    found = await at_rest(databases, Evidence(journal=[*never_accepted, refused]))
    twin_was_accepted = await at_rest(databases, Evidence(journal=[*JOURNAL, refused]))

    assert checks(found.findings) == {"JOURNAL"}
    assert twin_was_accepted.findings == []


async def test_a_mail_that_is_sent_and_that_ses_never_accepted_is_found(databases: Databases) -> None:
    mails = [MailRecord("sold", "processed", accepted=False), *(SUPPORTED.mails or ())[1:]]

    report = await at_rest(databases, Evidence(mails=mails))

    assert report.findings == ["MAILS: notification sold:processed is SENT, SES accepted no mail"]


async def test_a_mail_is_not_missed_that_is_older_than_what_ses_remembers(databases: Databases) -> None:
    assert (await at_rest(databases, Evidence(mails=[], mails_since=NOON + HOUR))).findings == []
    assert checks((await at_rest(databases, Evidence(mails=[], mails_since=NOON))).findings) == {"MAILS"}


async def test_no_mail_is_missed_of_an_address_that_is_refused_for_good(databases: Databases) -> None:
    failed = {"$set": {"state": "FAILED_PERMANENTLY"}}
    await databases["notifier"]["notifications"].update_one({"_id": "sold:processed"}, failed)

    report = await at_rest(databases, Evidence(mails=(SUPPORTED.mails or ())[1:]))

    assert report.findings == []
    assert report.checked["mails refused for good"] == 1


async def test_a_repeated_mail_is_counted_and_is_wrong_only_without_a_second_attempt(databases: Databases) -> None:
    evidence = Evidence(mails=[*(SUPPORTED.mails or ()), MailRecord("sold", "processed", accepted=True)])

    unexplained = await always(databases, evidence)
    await databases["notifier"]["notifications"].update_one({"_id": "sold:processed"}, {"$set": {"attempts": 2}})
    explained = await at_rest(databases, evidence)

    assert unexplained.findings == ["MAILS: SES was asked 2 times for sold:processed, 1 attempts are recorded"]
    assert explained.findings == []
    assert explained.checked["mails repeated"] == 1


@pytest.mark.parametrize("event_id", ["never:1", "sold:4", "poison"])
async def test_an_event_of_nothing_is_found(databases: Databases, event_id: str) -> None:
    report = await always(databases, Evidence(published={event_id: 1}))

    assert checks(report.findings) == {"PUBLISH"}


async def test_an_event_that_was_published_twice_needs_a_fault(databases: Databases) -> None:
    twice = {**(SUPPORTED.published or {}), "sold:1": 2}

    without = await at_rest(databases, replace(SUPPORTED, published=twice))
    with_one = await at_rest(databases, replace(SUPPORTED, published=twice, journal=[*JOURNAL, Fault(1.0, "kill")]))

    assert without.findings == ["PUBLISH: event sold:1 was published 2 times, and there was no fault"]
    assert with_one.findings == []


@pytest.mark.parametrize("event_id", ["sold:1", "regretted:2"])
async def test_an_event_that_was_never_published_is_found_at_rest(databases: Databases, event_id: str) -> None:
    published = {name: 1 for name in SUPPORTED.published or {} if name != event_id}

    assert (await always(databases, Evidence(published=published))).findings == []
    assert checks((await at_rest(databases, Evidence(published=published))).findings) == {"PUBLISH"}


@pytest.mark.parametrize(
    ("depths", "check"),
    [(QueueDepths(1, 0, 0), "I6"), (QueueDepths(0, 1, 0), "I6"), (QueueDepths(0, 0, 1), "DEAD_LETTERS")],
)
async def test_messages_that_are_left_are_found(databases: Databases, depths: QueueDepths, check: str) -> None:
    report = await at_rest(databases, Evidence(depths=depths, dead_letters_expected=0))

    assert checks(report.findings) == {check}


async def test_dead_letters_that_wait_for_a_decision_count_like_those_in_the_queue(databases: Databases) -> None:
    await databases["notifier"]["dead_letters"].insert_one({"_id": "m-2", "state": "DEAD"})
    depths = QueueDepths(0, 0, dead_letters=1)

    unexpected = await at_rest(databases, Evidence(depths=depths, dead_letters_expected=1))
    expected = await at_rest(databases, Evidence(depths=depths, dead_letters_expected=2))

    assert unexpected.findings == ["DEAD_LETTERS: there are 2 dead letters, not 1"]
    assert expected.findings == []


CHANGES = [
    (ORDERS, "sold", {"$set": {"status": "FAILED", "history.2.status": "FAILED"}}, "HISTORY"),
    (ORDERS, "sold", {"$set": {"status": "PROCESSING", "version": 2}, "$pop": {"history": 1}}, "HISTORY"),
    (ORDERS, "sold", {"$set": {"items": lines(1)}}, "I4"),
    (RESERVATIONS, "sold", {"$set": {"state": "RELEASED"}}, "I4"),
    (RESERVATIONS, "abandoned", {"$set": {"lines": lines(1)}}, "I4"),
]


@pytest.mark.parametrize(("place", "document_id", "change", "check"), CHANGES)
async def test_what_was_final_and_changed_between_two_looks_is_found(
    databases: Databases, place: tuple[str, str], document_id: str, change: Document, check: str
) -> None:
    service, collection = place
    before = (await always(databases)).data
    await databases[service][collection].update_one({"_id": document_id}, change)

    alone, after = await always(databases), await always(databases, before=before)

    assert check in checks([finding for finding in after.findings if finding not in alone.findings])


async def test_what_went_away_between_two_looks_is_found(databases: Databases) -> None:
    before = (await always(databases)).data
    await databases["orders"]["orders"].delete_one({"_id": "late"})
    await databases["inventory"]["reservations"].delete_many({"_id": {"$in": ["late", "abandoned"]}})

    after = await always(databases, before=before)

    assert "I3: order late was FAILED, and is gone" in after.findings
    assert "I4: reservation abandoned was EXPIRED, and is gone" in after.findings


async def begin_again(databases: Databases, order_id: str) -> None:
    """The order is PENDING, and nobody was told anything."""
    pending = {"$set": {"status": "PENDING", "version": 1, "history": [{"status": "PENDING"}]}}
    debts = {"$unset": {"stock": 1, "notification": 1}}
    await databases["orders"]["orders"].update_one({"_id": order_id}, pending | debts)
    await databases["notifier"]["notifications"].delete_one({"_id": {"$regex": f"^{order_id}:"}})


async def test_an_order_that_has_not_ended_is_found_at_rest_only(databases: Databases) -> None:
    await begin_again(databases, "regretted")

    assert await unsettled(databases) == ["order regretted is PENDING"]
    assert (await always(databases)).findings == []
    assert await broken(databases) == ["I3: order regretted is PENDING and has not ended"]


async def test_an_order_that_went_on_between_two_looks_is_right(databases: Databases) -> None:
    await begin_again(databases, "regretted")
    before = await always(databases)
    await databases["orders"]["orders"].replace_one({"_id": "regretted"}, RIGHT[ORDERS][2])
    await databases["notifier"]["notifications"].insert_one(RIGHT[NOTIFICATIONS][2])

    after = await always(databases, before=before.data)

    assert (before.findings, after.findings) == ([], [])


async def sell_one(databases: Databases, session: AsyncClientSession, number: int) -> None:
    """Both halves of a sale, one after the other."""
    inventory = databases["inventory"]
    await inventory["items"].update_one({"_id": "LAMP"}, {"$inc": {"available": -1, "reserved": 1}}, session=session)
    reservation = {"_id": f"hold-{number}", "state": "HELD", "lines": lines(1)}
    await inventory["reservations"].insert_one(reservation, session=session)


async def test_half_a_transaction_is_not_seen(databases: Databases) -> None:
    half = {"$inc": {"available": -1, "reserved": 1}}
    async with databases.client.start_session() as session, await session.start_transaction():
        await databases["inventory"]["items"].update_one({"_id": "LAMP"}, half, session=session)
        during = await always(databases, SUPPORTED)

        await session.abort_transaction()

    assert during.findings == []


async def test_transactions_that_end_while_the_audit_reads_raise_no_alarm(databases: Databases) -> None:
    """Items and reservations are read one after the other, and are of one moment all the same."""
    await databases["inventory"]["items"].update_one({}, {"$inc": {"available": 10_000, "adjusted": 10_000}})
    await databases["inventory"]["adjustments"].update_one({"_id.request_id": ""}, {"$inc": {"delta": 10_000}})

    async def keep_selling() -> None:
        number = 0
        async with databases.client.start_session() as session:
            while True:
                number += 1
                async with await session.start_transaction():
                    await sell_one(databases, session, number)

    async with running(asyncio.create_task(keep_selling())):
        looks = [await always(databases) for _ in range(20)]

    assert len({len(look.data.reservations) for look in looks}) > 1
    assert [finding for look in looks for finding in look.findings] == []


async def test_answers_that_come_while_the_audit_reads_are_not_held_against_it(databases: Databases) -> None:
    journal = list(JOURNAL)
    look = asyncio.create_task(always(databases, Evidence(journal=journal)))
    await asyncio.sleep(0)  # it has begun
    journal.append(accepted("younger", 1))

    assert (await look).findings == []


def written(path: Path, *lines_: dict[str, object], torn: bytes = b"") -> Path:
    path.write_bytes("".join(json.dumps(line) + "\n" for line in lines_).encode() + torn)
    return path


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    order_, items = {"client": "c-3", "user": "ada", "key": "k"}, {"LAMP": 2}
    status = {"order_id": "sold", "status": "PENDING", "version": 1}
    path = written(
        tmp_path / "journal",
        {"at": 1.0, "what": "accepted", **order_, "items": items, **status, "replayed": False},
        {"at": 2.0, "what": "refused", **order_, "items": items, "http_status": 409, "reason": "OUT_OF_STOCK"},
        {"at": 3.0, "what": "cancelled", "client": "c-3", "order_id": "sold", "version": 2},
        {"at": 4.0, "what": "not_cancelled", "client": "c-3", "order_id": "sold", "reason": "ORDER_NOT_CANCELLABLE"},
        {"at": 5.0, "what": "saw", "client": "c-3", **status},
        {"at": 6.0, "what": "fault", "kind": "kill", "process": "orders", "in_flight": 17},
    )

    assert list(read_journal(path)) == [
        Accepted(1.0, "c-3", "ada", "k", "sold", items, "PENDING", 1, replayed=False),
        Refused(2.0, "c-3", "ada", "k", items, 409, "OUT_OF_STOCK"),
        Cancelled(3.0, "c-3", "sold", 2),
        NotCancelled(4.0, "c-3", "sold", "ORDER_NOT_CANCELLABLE"),
        Saw(5.0, "c-3", "sold", "PENDING", 1),
        Fault(6.0, "kill"),
    ]


FAULT: dict[str, object] = {"at": 6.0, "what": "fault", "kind": "kill"}


def test_a_torn_last_line_of_a_journal_does_not_count(tmp_path: Path) -> None:
    path = written(tmp_path / "journal", FAULT, torn='{"at": 7.0, "what": "é'.encode()[:-1])

    assert list(read_journal(path)) == [Fault(6.0, "kill")]


@pytest.mark.parametrize("line", [{"at": 1.0, "what": "dreamt"}, {"at": 1.0, "what": "saw"}, {}, []])
def test_a_line_that_is_no_entry_is_named(tmp_path: Path, line: Any) -> None:
    path = written(tmp_path / "journal", FAULT, line, FAULT)

    with pytest.raises(JournalError, match="line 2 "):
        list(read_journal(path))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("part", ["html", "text"])
def test_a_mail_tells_which_order_and_kind_it_is_of(kind: Kind, part: str) -> None:
    order_id, price = "ab12cd34" * 4, Money("EUR", 5)
    mail = render(Order(order_id, "ada@example.com", NOON, kind, [Item("Lamp", 1, price)], price))

    record = mail_record(Mail("shop@example.com", ("ada@example.com",), mail.subject, getattr(mail, part)))

    assert record == MailRecord(order_id, kind.value, accepted=True)


def test_a_mail_of_somebody_else_is_none_of_an_order() -> None:
    assert mail_record(Mail("bank@example.com", ("ada@example.com",), "Your order", "Order of the day")) is None


async def test_rest_waits_for_the_queue(databases: Databases, aws: LocalAws) -> None:
    async with (
        open_queues(aws.environment) as queues,
        open_aws_client(aws.config, "sqs", attempts_max=1, read_timeout_seconds=5) as sqs,
    ):
        before = await unsettled(databases, queues)
        await sqs.send_message(QueueUrl=aws.queue_url, MessageBody="hello")
        waiting = await unsettled(databases, queues)
        message = (await sqs.receive_message(QueueUrl=aws.queue_url))["Messages"][0]
        in_flight = await unsettled(databases, queues)
        await sqs.delete_message(QueueUrl=aws.queue_url, ReceiptHandle=message["ReceiptHandle"])
        after = await unsettled(databases, queues)

    assert before == after == []
    assert waiting == ["1 messages wait in the queue, 0 are in flight"]
    assert in_flight == ["0 messages wait in the queue, 1 are in flight"]


@pytest.fixture
def env_file(databases: Databases, mongo_uri: str, aws: LocalAws, tmp_path: Path) -> Path:
    """What a stack with this data would say of itself. Its moto is younger than the data."""
    path = tmp_path / "env"
    write_env_file(path, {"MONGO_URI": mongo_uri.replace("/?", "/audited?"), **aws.environment})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "moto.pid").write_text("1\n")
    os.utime(tmp_path / "run" / "moto.pid", times=((NOON + HOUR).timestamp(),) * 2)
    return path


async def test_the_command_says_what_it_checked(env_file: Path) -> None:
    printed = StringIO()

    code = await audit(env_file, None, 0.0, Console(printed))

    first, *_, last = printed.getvalue().splitlines()
    assert code == 0
    assert first.startswith("checked 1 items, 4 reservations, 3 orders, 3 notifications, 0 mails")
    assert last == "nothing is wrong"


async def test_the_command_names_what_is_wrong(databases: Databases, env_file: Path) -> None:
    printed = StringIO()
    await databases["inventory"]["items"].update_one({}, {"$set": {"sold": 3}})

    code = await audit(env_file, None, 0.0, Console(printed))

    assert code == EXIT_BROKEN
    assert "I1: LAMP has available 8, reserved 0, sold 3" in printed.getvalue()


async def test_the_command_says_what_rest_waits_for(databases: Databases, env_file: Path, tmp_path: Path) -> None:
    """Being busy is not wrong, unless rest was asked for."""
    printed = StringIO()
    await databases["orders"]["orders"].update_one({"_id": "sold"}, {"$set": {"sweep_due_time": NOON}})
    journal = written(tmp_path / "journal", FAULT)

    codes = [await audit(env_file, journal, wait_seconds, Console(printed)) for wait_seconds in (0.0, 0.1)]

    assert codes == [0, EXIT_BROKEN]
    assert "order sold is PROCESSED, and has sweep_due_time" in printed.getvalue()


async def test_the_command_says_that_mails_of_the_real_aws_cannot_be_read(env_file: Path) -> None:
    printed = StringIO()
    values = read_env_file(env_file)
    values["AWS_ENDPOINT_URL_SQS"] = values.pop("AWS_ENDPOINT_URL")
    write_env_file(env_file, values)

    assert await audit(env_file, None, 0.0, Console(printed)) == 0
    assert "mails are not checked: SES is the real one" in printed.getvalue()


async def test_the_command_says_that_no_stack_runs(tmp_path: Path) -> None:
    with pytest.raises(NotAudited, match="no stack runs here"):
        await audit(tmp_path / "env", None, 0.0, Console())

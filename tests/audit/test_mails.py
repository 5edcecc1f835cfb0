"""Each mail that SES was asked for belongs to a notification, and each that was sent was asked for."""

from dataclasses import replace

import pytest

from bench.audit import Databases, Evidence, MailRecord, always, at_rest
from bench.audit.journal import Fault
from bench.audit.mails import mail_record
from deploy.local.mails import Mail
from services.notifier.mail import render
from services.notifier.money import Money
from services.notifier.notification import Kind
from services.notifier.order import Item, Order
from tests.audit.scene import ADA, HOUR, JOURNAL, NOON, SUPPORTED, checks

GIVEN_UP = {"$set": {"state": "FAILED_PERMANENTLY"}}


async def test_a_mail_that_is_sent_and_that_ses_never_accepted_is_found(databases: Databases) -> None:
    mails = [MailRecord("sold", "processed", ADA, accepted=False), *(SUPPORTED.mails or ())[1:]]

    report = await at_rest(databases, Evidence(mails=mails))

    assert report.findings == ["MAILS: notification sold:processed is SENT, SES accepted no mail"]


async def test_a_mail_is_not_missed_that_is_older_than_what_ses_remembers(databases: Databases) -> None:
    assert (await at_rest(databases, Evidence(mails=[], mails_since=NOON + HOUR))).findings == []
    assert checks((await at_rest(databases, Evidence(mails=[], mails_since=NOON))).findings) == {"MAILS"}


async def test_no_mail_is_missed_of_an_address_that_is_refused_for_good(databases: Databases) -> None:
    await databases["notifier"]["notifications"].update_one({"_id": "sold:processed"}, GIVEN_UP)

    report = await at_rest(databases, Evidence(mails=(SUPPORTED.mails or ())[1:]))

    assert report.findings == []
    assert report.checked["mails refused for good"] == 1


@pytest.mark.parametrize(
    ("refused", "findings"),
    [
        ("ada", []),
        ("bob", ["MAILS: notification sold:processed was given up, SES does not refuse it"]),
        ("", ["MAILS: notification sold:processed was given up, SES does not refuse it"]),
    ],
)
async def test_a_mail_that_was_given_up_is_found_unless_ses_refuses_its_address(
    databases: Databases, refused: str, findings: list[str]
) -> None:
    await databases["notifier"]["notifications"].update_one({"_id": "sold:processed"}, GIVEN_UP)

    assert (await always(databases, Evidence(refused_addresses=refused))).findings == findings


async def test_a_mail_to_a_stranger_is_found_and_no_address_is_repeated(databases: Databases) -> None:
    mails = [MailRecord("sold", "processed", "eve@example.com", accepted=True), *(SUPPORTED.mails or ())[1:]]

    report = await always(databases, Evidence(mails=mails))

    assert report.findings == ["MAILS: a mail about order sold went to another address than its customer's"]


async def test_a_mail_that_repeats_without_any_fault_is_found(databases: Databases) -> None:
    again = MailRecord("sold", "processed", ADA, accepted=True)
    twice = replace(SUPPORTED, mails=[*(SUPPORTED.mails or ()), again])
    await databases["notifier"]["notifications"].update_one({"_id": "sold:processed"}, {"$set": {"attempts": 2}})

    without = await always(databases, twice)
    with_one = await always(databases, replace(twice, journal=[*JOURNAL, Fault(1.0, "kill")]))

    assert without.findings == ["I5: SES accepted 2 mails for notification sold:processed, and there was no fault"]
    assert with_one.findings == []


async def test_a_repeated_mail_is_counted_and_is_wrong_only_without_a_second_attempt(databases: Databases) -> None:
    evidence = Evidence(mails=[*(SUPPORTED.mails or ()), MailRecord("sold", "processed", ADA, accepted=True)])

    unexplained = await always(databases, evidence)
    await databases["notifier"]["notifications"].update_one({"_id": "sold:processed"}, {"$set": {"attempts": 2}})
    explained = await at_rest(databases, evidence)

    assert unexplained.findings == ["MAILS: SES was asked 2 times for sold:processed, 1 attempts are recorded"]
    assert explained.findings == []
    assert explained.checked["mails repeated"] == 1


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("part", ["html", "text"])
def test_a_mail_tells_which_order_and_kind_it_is_of(kind: Kind, part: str) -> None:
    order_id, price = "ab12cd34" * 4, Money("EUR", 5)
    mail = render(Order(order_id, ADA, NOON, kind, [Item("Lamp", 1, price)], price))

    record = mail_record(Mail("shop@example.com", (ADA,), mail.subject, getattr(mail, part)))

    assert record == MailRecord(order_id, kind.value, ADA, accepted=True)


def test_a_mail_of_somebody_else_is_none_of_an_order() -> None:
    assert mail_record(Mail("bank@example.com", (ADA,), "Your order", "Order of the day")) is None

"""What must hold at every moment is found when it does not."""

from typing import Any

import pytest

from bench.audit import Databases, always, at_rest, broken, open_databases, unsettled
from chassis.mongo import Document
from tests.audit.scene import ITEMS, NOTIFICATIONS, ORDERS, RESERVATIONS, SUPPORTED, checks, lines, notification


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


async def test_an_order_without_a_reservation_is_found(databases: Databases) -> None:
    await databases["inventory"]["reservations"].delete_one({"_id": "late"})

    assert checks((await always(databases)).findings) == {"I4"}


async def test_a_customer_who_was_told_of_an_end_that_was_not_is_found(databases: Databases) -> None:
    await databases["notifier"]["notifications"].insert_one(notification("sold", "cancelled"))

    assert checks((await always(databases)).findings) == {"I5"}

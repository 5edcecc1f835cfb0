"""What was final at one look is the same at the next."""

import pytest

from bench.audit import Databases, always
from chassis.mongo import Document
from tests.audit.scene import NOTIFICATIONS, ORDERS, RESERVATIONS, RIGHT, begin_again, checks, lines

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


async def test_an_order_that_went_on_between_two_looks_is_right(databases: Databases) -> None:
    await begin_again(databases, "regretted")
    before = await always(databases)
    await databases["orders"]["orders"].replace_one({"_id": "regretted"}, RIGHT[ORDERS][2])
    await databases["notifier"]["notifications"].insert_one(RIGHT[NOTIFICATIONS][2])

    after = await always(databases, before=before.data)

    assert (before.findings, after.findings) == ([], [])

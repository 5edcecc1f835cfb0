"""Each answer in the journal must be borne out by the data."""

from dataclasses import replace

import pytest

from bench.audit import Databases, Evidence, always, at_rest
from bench.audit.journal import Cancelled, Entry, NotCancelled, Refused, Saw
from tests.audit.scene import JOURNAL, accepted, checks


@pytest.mark.parametrize("missing", ["sold", "late"])
async def test_an_acknowledged_order_that_is_gone_is_found(databases: Databases, missing: str) -> None:
    await databases["orders"]["orders"].delete_one({"_id": missing})

    assert "I3" in checks((await always(databases, Evidence(journal=JOURNAL))).findings)


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

"""Each event of an order is published, and twice only after a fault."""

from dataclasses import replace

import pytest

from bench.audit import Databases, Evidence, always, at_rest
from bench.audit.journal import Fault
from tests.audit.scene import JOURNAL, SUPPORTED, checks


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

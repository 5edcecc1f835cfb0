"""A process dies at each crash point, every time that it is reached; what was promised holds all the same."""

from collections.abc import AsyncIterator
from itertools import count

import pytest

from chassis import background
from chassis.crash_points import Port
from tests.faults.in_process.audit import findings
from tests.faults.in_process.databases import SharedDatabase, shared_database
from tests.faults.in_process.mesh import living
from tests.faults.in_process.outside import Outside
from tests.faults.in_process.process import Plan
from tests.faults.in_process.story import Story
from tests.faults.points import ports_of

SERVICES = ("inventory", "orders", "notifier")
PORTS = [port for service in SERVICES for port in ports_of(service)]
POINTS = [point for port in PORTS for point in port.points]
QUICK_SECONDS = 0.001

POLLING = ("claim_events:", "receive:", "extend:")
POLLS_MAX = 8
"""What is done again and again is only killed so often: the later times are like the earlier ones."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long before trying again."""
    monkeypatch.setattr(background, "BACKOFF_SECONDS_MIN", QUICK_SECONDS)


@pytest.fixture(scope="module")
async def database(mongo_uri: str) -> AsyncIterator[SharedDatabase]:
    """One MongoDB for all runs."""
    async with shared_database(mongo_uri) as database:
        yield database


async def told(outside: Outside, plan: Plan) -> list[str]:
    """Tell the story with the deaths in it; what does not hold afterwards."""
    async with living(outside, plan) as mesh:
        story = Story(mesh)
        await story.tell()
        return await findings(story, plan.deaths)


async def test_without_a_death_everything_holds_and_every_point_is_reached() -> None:
    plan = Plan()

    assert await told(Outside(), plan) == []
    assert set(POINTS) - set(plan.reached) == set()


@pytest.mark.parametrize("point", POINTS)
async def test_a_death_at_any_time_breaks_no_promise(point: str) -> None:
    """In memory: the first time that the point is reached, the second time, and so on to the last."""
    is_polled = any(polling in point for polling in POLLING)
    deaths = 0
    for times in range(1, POLLS_MAX) if is_polled else count(1):
        plan = Plan(point, times=times)
        assert await told(Outside(), plan) == [], f"the death at {point}, time {times}"
        if not plan.deaths:
            break
        deaths += 1

    assert deaths > 0


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
async def test_two_deaths_break_no_promise_that_mongodb_keeps(port: Port, database: SharedDatabase) -> None:
    """One before each effect and one after it, in one run where the story comes there twice."""
    for effect in port.effects:
        to_come = [f"{port.name}.{effect}:before", f"{port.name}.{effect}:after"]
        while to_come:
            plan = Plan(*to_come)
            assert await told(await database.emptied(), plan) == [], f"the deaths at {to_come}"
            assert await database.findings() == [], f"the deaths at {to_come}"
            assert plan.deaths, f"{to_come} are not reached"
            to_come = to_come[len(plan.deaths) :]

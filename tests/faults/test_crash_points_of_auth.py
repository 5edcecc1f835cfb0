"""Auth dies at each of its crash points; accounts and sessions are what they should be all the same."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest

from chassis.clock import SystemClock
from chassis.mongo import Database
from chassis.testing import ManualClock
from services.auth.memory_store import MemoryStore
from services.auth.mongo_store import MongoStore
from services.auth.passwords import Passwords
from services.auth.store import AuthStore
from services.auth.tests.scene import CHEAP
from tests.faults.in_process.accounts import Accounts
from tests.faults.in_process.process import Plan
from tests.faults.points import all_points

POINTS = all_points()["auth"]


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    with closing(Passwords(CHEAP, threads=1)) as passwords:
        yield passwords


async def told(store: AuthStore, passwords: Passwords, plan: Plan) -> list[str]:
    accounts = Accounts(store, passwords, ManualClock(SystemClock().now()), plan)
    try:
        return await accounts.findings()
    finally:
        await accounts.end()


@pytest.mark.parametrize("point", POINTS)
async def test_a_death_of_auth_at_any_time_harms_no_account(point: str, passwords: Passwords) -> None:
    deaths = 0
    for times in count(1):
        plan = Plan(point, times=times)
        assert await told(MemoryStore(), passwords, plan) == [], f"the death at {point}, time {times}"
        if not plan.deaths:
            break
        deaths += 1

    assert deaths > 0


@pytest.mark.parametrize("point", POINTS)
async def test_a_death_of_auth_harms_no_account_in_mongodb(
    point: str, passwords: Passwords, database: Database
) -> None:
    store, plan = MongoStore(database), Plan(point)
    await store.create_indexes()

    assert await told(store, passwords, plan) == []
    assert plan.deaths == [point]

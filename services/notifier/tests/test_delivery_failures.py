"""What every record of delivery failures does, and what MongoDB keeps of it."""

import asyncio
from datetime import timedelta

import pytest

from chassis.mongo import Database, MongoConfig, open_database
from chassis.testing import ManualClock, collecting_scans
from services.notifier.delivery_failure import DeliveryFailure, DeliveryFailures, describe
from services.notifier.errors import DependencyDown
from services.notifier.memory_delivery_failures import MemoryDeliveryFailures
from services.notifier.mongo_delivery_failures import MongoDeliveryFailures

QUEUE_RETENTION = timedelta(days=14)


@pytest.fixture(params=["memory", "mongo"])
def failures(request: pytest.FixtureRequest) -> DeliveryFailures:
    if request.param == "memory":
        return MemoryDeliveryFailures()
    mongo_failures: MongoDeliveryFailures = request.getfixturevalue("mongo_failures")
    return mongo_failures


async def test_of_many_failures_the_last_is_known_and_their_count(failures: DeliveryFailures) -> None:
    await failures.record("m-1", "DEPENDENCY_FAILED", "orders: INTERNAL")
    await failures.record("m-1", "ORDER_REFUSED", "NOT_FOUND ORDER_NOT_FOUND")
    await failures.record("m-2", "CRASHED", "ZeroDivisionError")

    assert await failures.find("m-1") == DeliveryFailure("ORDER_REFUSED", "NOT_FOUND ORDER_NOT_FOUND", 2)


async def test_failures_at_the_same_moment_are_all_counted(failures: DeliveryFailures) -> None:
    await asyncio.gather(*(failures.record("m-1", "ORDER_REFUSED", "no") for _ in range(20)))

    found = await failures.find("m-1")
    assert found is not None
    assert found.attempts == 20


async def test_what_was_forgotten_is_not_known_and_forgetting_twice_is_fine(failures: DeliveryFailures) -> None:
    await failures.record("m-1", "ORDER_REFUSED", "no")

    await failures.forget("m-1")
    await failures.forget("m-1")

    assert await failures.find("m-1") is None


def test_a_description_has_no_address_and_is_bounded() -> None:
    described = describe("of ada@example.com " + "!" * 1000)

    assert described.startswith("of <address> !!!")
    assert len(described) == 500


async def test_a_failure_outlives_its_message_and_then_goes_by_itself(
    database: Database, mongo_failures: MongoDeliveryFailures, today: ManualClock
) -> None:
    await mongo_failures.record("m-1", "ORDER_REFUSED", "no")

    row = await database["delivery_failures"].find_one()
    indexes = await database["delivery_failures"].index_information()
    assert row is not None
    assert row["expire_time"] - today.now() > QUEUE_RETENTION
    assert indexes["expiry"]["expireAfterSeconds"] == 0
    assert [key for key, _ in indexes["expiry"]["key"]] == ["expire_time"]


async def test_no_query_scans(database: Database, mongo_failures: MongoDeliveryFailures) -> None:
    async with collecting_scans(database) as scans:
        await mongo_failures.record("m-1", "ORDER_REFUSED", "no")
        await mongo_failures.find("m-1")
        await mongo_failures.forget("m-1")

    assert scans == []


async def test_a_database_that_is_down_is_an_outage(today: ManualClock) -> None:
    async with open_database(MongoConfig("mongodb://127.0.0.1:1/", "nowhere")) as database:
        failures = MongoDeliveryFailures(database, today)

        calls = (failures.record("m-1", "CRASHED", ""), failures.find("m-1"), failures.forget("m-1"))
        answers = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(answer) for answer in answers] == [DependencyDown] * len(calls)

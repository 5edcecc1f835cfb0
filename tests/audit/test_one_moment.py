"""The audit sees the data as it was at one moment, whatever happens while it reads."""

import asyncio

from pymongo.asynchronous.client_session import AsyncClientSession

from bench.audit import Databases, Evidence, always
from chassis.background import running
from tests.audit.scene import JOURNAL, SUPPORTED, accepted, lines


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

"""A database that answers and refuses: no rights, a quota, a member that may not write. It is an outage."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest
from pymongo.errors import OperationFailure

from chassis.mongo import Database
from chassis.testing import ManualClock
from chassis.tests.counted import counts
from services.notifier import tell_customer
from services.notifier.dead_letter import State as LetterState
from services.notifier.errors import Dependency, DependencyDown
from services.notifier.memory_store import MemoryStore
from services.notifier.mongo_dead_letters import MongoDeadLetters
from services.notifier.mongo_delivery_failures import MongoDeliveryFailures
from services.notifier.mongo_store import MongoStore, answering
from services.notifier.notification import Kind, Lease, State
from services.notifier.store import Claim
from services.notifier.tests.letters import lease_on, letter
from services.notifier.tests.scene import Scene

UNAUTHORIZED = 13
MARKS_LOST = "ordermesh_notifier_marks_lost_total"


class RefusingStore(MemoryStore):
    """MongoDB's driver raises in it, while ``refuses`` is set for everything and ``marks_refused`` times for a mark."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = False
        self.marks_refused = 0
        self.probes = 0
        self._changed = asyncio.Condition()

    async def until_probed(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.probes >= count)

    async def claim(self, lease: Lease, now: datetime) -> Claim:
        self._check(self.refuses)
        return await super().claim(lease, now)

    async def mark_sent(self, lease: Lease, message_id: str, now: datetime) -> bool:
        self.marks_refused -= 1
        self._check(self.marks_refused >= 0)
        return await super().mark_sent(lease, message_id, now)

    async def probe(self) -> None:
        async with self._changed:
            self.probes += 1
            self._changed.notify_all()
        self._check(self.refuses)

    def _check(self, refused: bool) -> None:
        with answering():
            if refused:
                raise OperationFailure("not authorized on notifier to execute command", UNAUTHORIZED)


@pytest.fixture
def refusing(scene: Scene) -> RefusingStore:
    scene.store = store = RefusingStore()
    return store


async def test_a_database_that_refuses_pauses_receiving_and_burns_one_delivery(
    scene: Scene, refusing: RefusingStore
) -> None:
    refusing.refuses = True
    placed = [await scene.place(f"o-{number}") for number in range(5)]

    async with scene.working(messages_in_flight_max=2):
        await scene.queue.until_received(placed[1])
        await refusing.until_probed(2)
        received_in_the_outage = [scene.queue.receive_count(message_id) for message_id in placed]
        failures = [await scene.failures.find(message_id) for message_id in placed]
        refusing.refuses = False
        await scene.queue.until_empty()

    assert received_in_the_outage == [1, 1, 0, 0, 0]
    assert failures == [None] * 5
    assert len(scene.mailer.sent) == 5


async def test_a_mail_whose_mark_is_refused_for_a_moment_is_not_sent_again(
    scene: Scene, refusing: RefusingStore
) -> None:
    refusing.marks_refused = 2
    await scene.place("o-1")

    with counts(0, MARKS_LOST):
        async with scene.working():
            await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 1
    assert (await scene.notifications())["o-1"].state is State.SENT


async def test_a_mail_whose_mark_is_refused_for_too_long_is_counted_and_sent_again(
    scene: Scene, refusing: RefusingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell_customer, "MARK_SECONDS_MAX", 0.0)
    refusing.marks_refused = 1
    message_id = await scene.place("o-1")

    with counts(1, MARKS_LOST):
        async with scene.working():
            await scene.queue.until(lambda: 0 < scene.queue.hidden_seconds(message_id) <= 15)
            scene.clock.advance(15)
            await scene.queue.until_empty()

    assert len(scene.mailer.sent) == 2
    assert (await scene.notifications())["o-1"].state is State.SENT


@pytest.fixture
async def read_only(database: Database) -> Database:
    """A MongoDB that answers and changes nothing: in the place of each collection is a view, which takes no writes."""
    views: Sequence[str] = ("notifications", "delivery_failures", "dead_letters")
    for name in views:
        await database.create_collection(name, viewOn="nothing", pipeline=[])
    return database


async def test_whatever_mongodb_refuses_is_an_outage(read_only: Database, clock: ManualClock) -> None:
    store, letters = MongoStore(read_only), MongoDeadLetters(read_only)
    failures = MongoDeliveryFailures(read_only, clock)
    lease = Lease.begin("o-1", Kind.PROCESSED, clock.now(), 15)

    for asked in (
        store.claim(lease, clock.now()),
        store.note_error(lease, "SES: does not answer"),
        store.mark_sent(lease, "mail-1", clock.now()),
        store.mark_failed(lease, "no such address"),
        failures.record("m-1", "CRASHED", ""),
        failures.forget("m-1"),
        letters.insert(letter("m-1", clock)),
        letters.claim(lease_on("m-1", clock), clock.now()),
        letters.delete("m-1", clock.now()),
    ):
        with pytest.raises(DependencyDown, match=r"refuses \(\w+, code \d+\)") as caught:
            await asked
        assert caught.value.dependency is Dependency.DATABASE
        assert type(caught.value) is DependencyDown
    assert await letters.list_page(LetterState.DEAD, 1, None) == []


async def test_a_database_that_takes_no_writes_does_not_pass_the_probe(read_only: Database) -> None:
    await read_only.client.admin.command("ping")

    with pytest.raises(DependencyDown):
        await MongoStore(read_only).probe()


async def test_a_probe_leaves_nothing_behind(database: Database) -> None:
    await MongoStore(database).probe()

    assert await database["notifications"].count_documents({}) == 0

"""Sending dead letters to the queue again: claim, send, mark, and what a crash between them leaves."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

import pytest
from prometheus_client import REGISTRY

from chassis.background import running
from chassis.testing import ManualClock
from services.notifier.dead_letter import RedriveLease, State
from services.notifier.dead_letter_store import DeadLetterStore
from services.notifier.delete_dead_letter import delete_dead_letter
from services.notifier.errors import (
    DeadLetterBeingRedriven,
    DeadLetterNotFound,
    Dependency,
    DependencyDown,
    QueueUnavailable,
)
from services.notifier.memory_dead_letters import MemoryDeadLetters
from services.notifier.memory_queue import MemoryQueue
from services.notifier.metrics import DEAD_LETTERS
from services.notifier.redrive import REDRIVE_COUNT_MAX, NotSent, Redriver
from services.notifier.tests.letters import kept, lease_on, letter
from services.notifier.tests.scene import PATIENCE_SECONDS


class QueueWithLostAnswers(MemoryQueue):
    """Takes what it is sent and does not say so, as often as ``lost_answers`` says."""

    lost_answers = 1

    async def send(self, body: str, attributes: Mapping[str, str] | None = None) -> str:
        message_id = await super().send(body, attributes)
        if self.lost_answers:
            self.lost_answers -= 1
            raise QueueUnavailable("SQS does not answer (ReadTimeoutError)")
        return message_id


class LettersThatLoseAMark(MemoryDeadLetters):
    """The database is down when the queue has just taken a dead letter."""

    marks_lost = 1

    async def mark_redriven(self, lease: RedriveLease, redrive_message_id: str, now: datetime) -> bool:
        if self.marks_lost:
            self.marks_lost -= 1
            raise DependencyDown(Dependency.DATABASE, "does not answer")
        return await super().mark_redriven(lease, redrive_message_id, now)


@pytest.fixture
def queue(today: ManualClock) -> MemoryQueue:
    return MemoryQueue(today)


async def test_a_dead_letter_is_a_message_again_with_body_and_attributes(
    letters: DeadLetterStore, queue: MemoryQueue, today: ManualClock
) -> None:
    await letters.insert(letter("m-9", today, body="x" * 10_000))

    redriven = await Redriver(letters, queue, today).redrive(["m-9"])

    (message,) = await queue.receive(10)
    (row,) = await letters.list_page(None, 10, None)
    assert (redriven.sent_count, redriven.failures) == (1, {})
    assert (message.body, message.attributes) == ("x" * 10_000, {"type": "order.created", "x.y": "z"})
    assert (row.state, row.redrive_message_id, row.redrive_time) == (State.REDRIVEN, message.message_id, today.now())


async def test_redriving_twice_sends_once(letters: DeadLetterStore, queue: MemoryQueue, today: ManualClock) -> None:
    await letters.insert(letter("m-9", today))
    redriver = Redriver(letters, queue, today)
    await redriver.redrive(["m-9"])

    again = await redriver.redrive(["m-9"])

    assert (again.sent_count, again.failures) == (0, {"m-9": NotSent.ALREADY_REDRIVEN})
    assert len(queue) == 1


async def test_two_admins_at_once_send_once(letters: DeadLetterStore, queue: MemoryQueue, today: ManualClock) -> None:
    message_ids = await kept(letters, today, 20)
    redrivers = [Redriver(letters, queue, today) for _ in range(2)]

    both = await asyncio.gather(*(redriver.redrive(message_ids) for redriver in redrivers))

    assert sum(redriven.sent_count for redriven in both) == len(queue) == 20


async def test_each_that_cannot_be_sent_is_named_and_keeps_no_other_back(
    letters: DeadLetterStore, queue: MemoryQueue, today: ManualClock
) -> None:
    await kept(letters, today, 3)
    await letters.claim(lease_on("m-1", today), today.now())
    await letters.delete("m-2", today.now())

    redriven = await Redriver(letters, queue, today).redrive(["nobody", "m-2", "m-1", "m-0"])

    assert redriven.sent_count == 1
    assert redriven.failures == {
        "nobody": NotSent.NOT_FOUND,
        "m-2": NotSent.NOT_FOUND,
        "m-1": NotSent.BEING_REDRIVEN,
    }


async def test_all_means_the_oldest_and_says_when_there_are_more(
    letters: DeadLetterStore, queue: MemoryQueue, today: ManualClock
) -> None:
    message_ids = await kept(letters, today, REDRIVE_COUNT_MAX + 1)
    redriver = Redriver(letters, queue, today)

    first, second = await redriver.redrive_oldest(), await redriver.redrive_oldest()

    assert (first.sent_count, first.has_more) == (REDRIVE_COUNT_MAX, True)
    assert (second.sent_count, second.has_more) == (1, False)
    assert [row.message_id for row in await letters.list_page(None, 1, None)] == message_ids[-1:]
    assert await letters.count_dead(10) == 0


async def test_what_the_queue_refuses_is_dead_as_before(
    letters: DeadLetterStore, queue: MemoryQueue, today: ManualClock
) -> None:
    await letters.insert(letter("m-9", today))
    queue.full = True

    redriven = await Redriver(letters, queue, today).redrive(["m-9"])

    assert redriven.failures == {"m-9": NotSent.QUEUE_REFUSED}
    assert await letters.state_of("m-9") is State.DEAD


async def test_without_an_answer_of_the_queue_it_is_sent_again_when_the_lease_is_over(
    letters: DeadLetterStore, today: ManualClock
) -> None:
    queue = QueueWithLostAnswers(today)
    await letters.insert(letter("m-9", today))
    redriver = Redriver(letters, queue, today)

    redriven = await redriver.redrive(["m-9"])
    await redriver.finish_abandoned()
    sent_under_the_lease = len(queue)
    today.advance(10)
    await redriver.finish_abandoned()

    assert redriven.failures == {"m-9": NotSent.QUEUE_UNAVAILABLE}
    assert sent_under_the_lease == 1
    assert (len(queue), await letters.state_of("m-9")) == (2, State.REDRIVEN)


async def test_a_crash_after_the_claim_is_finished_by_any_replica(
    letters: DeadLetterStore, queue: MemoryQueue, today: ManualClock
) -> None:
    await letters.insert(letter("m-9", today))
    await letters.claim(lease_on("m-9", today), today.now())
    today.advance(10)

    async with running(asyncio.create_task(Redriver(letters, queue, today).run())), asyncio.timeout(PATIENCE_SECONDS):
        while await letters.state_of("m-9") is not State.REDRIVEN:
            await asyncio.sleep(0)

    assert len(queue) == 1


async def test_a_lost_mark_sends_twice_rather_than_never(queue: MemoryQueue, today: ManualClock) -> None:
    letters = LettersThatLoseAMark()
    await letters.insert(letter("m-9", today))
    redriver = Redriver(letters, queue, today)

    with pytest.raises(DependencyDown):
        await redriver.redrive(["m-9"])
    today.advance(10)
    await redriver.finish_abandoned()

    assert (len(queue), await letters.state_of("m-9")) == (2, State.REDRIVEN)


async def test_what_waits_is_counted(letters: DeadLetterStore, queue: MemoryQueue, today: ManualClock) -> None:
    await kept(letters, today, 3)
    DEAD_LETTERS.set(0)

    async with running(asyncio.create_task(Redriver(letters, queue, today).run())), asyncio.timeout(PATIENCE_SECONDS):
        while not (counted := REGISTRY.get_sample_value("ordermesh_notifier_dead_letters")):
            await asyncio.sleep(0)

    assert counted == 3


async def test_what_is_not_there_cannot_be_deleted(letters: DeadLetterStore, today: ManualClock) -> None:
    await letters.insert(letter("m-9", today))
    await delete_dead_letter(letters, today, "m-9")

    for message_id in ("m-9", "nobody"):
        with pytest.raises(DeadLetterNotFound):
            await delete_dead_letter(letters, today, message_id)


async def test_what_is_being_sent_cannot_be_deleted(letters: DeadLetterStore, today: ManualClock) -> None:
    await letters.insert(letter("m-9", today))
    await letters.claim(lease_on("m-9", today), today.now())

    with pytest.raises(DeadLetterBeingRedriven):
        await delete_dead_letter(letters, today, "m-9")

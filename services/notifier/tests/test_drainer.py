"""What becomes of the messages in a dead-letter queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from chassis.background import running
from chassis.testing import ManualClock
from services.notifier.dead_letter import DeadLetter
from services.notifier.dead_letter_store import DeadLetterStore
from services.notifier.drainer import Drainer
from services.notifier.errors import Dependency, DependencyDown
from services.notifier.memory_dead_letters import MemoryDeadLetters
from services.notifier.memory_delivery_failures import MemoryDeliveryFailures
from services.notifier.memory_queue import MemoryQueue
from services.notifier.tests.scene import PATIENCE_SECONDS


class LettersThatAreDown(MemoryDeadLetters):
    """The database is down for the first few inserts."""

    failures_left = 2

    async def insert(self, letter: DeadLetter) -> bool:
        if self.failures_left:
            self.failures_left -= 1
            raise DependencyDown(Dependency.DATABASE, "does not answer")
        return await super().insert(letter)


@dataclass
class Morgue:
    """A dead-letter queue and everything around its drainer."""

    clock: ManualClock
    failures: MemoryDeliveryFailures = field(default_factory=MemoryDeliveryFailures)
    letters: DeadLetterStore = field(default_factory=MemoryDeadLetters)

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)

    @asynccontextmanager
    async def draining(self, replicas: int = 1) -> AsyncIterator[None]:
        """Drainers that run for the length of the block."""
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(replicas):
                drainer = Drainer(self.queue, self.letters, self.failures, self.clock)
                await stack.enter_async_context(running(asyncio.create_task(drainer.run())))
            yield

    async def listed(self) -> list[DeadLetter]:
        return list(await self.letters.list_page(None, 500, None))


@pytest.fixture
def morgue(clock: ManualClock) -> Morgue:
    return Morgue(clock)


async def test_a_message_is_kept_with_why_it_failed_and_leaves_the_queue(morgue: Morgue) -> None:
    message_id = await morgue.queue.send("{no JSON ä", {"type": "order.created"})
    for _ in range(10):
        await morgue.failures.record(message_id, "MESSAGE_UNREADABLE", "the body is no OrderEvent")

    async with morgue.draining():
        await morgue.queue.until_empty()

    (letter,) = await morgue.listed()
    assert (letter.message_id, letter.body, letter.body_bytes) == (message_id, "{no JSON ä", 11)
    assert (letter.reason, letter.description, letter.attempts) == (
        "MESSAGE_UNREADABLE",
        "the body is no OrderEvent",
        10,
    )
    assert letter.attributes == {"type": "order.created"}
    assert letter.create_time == morgue.clock.now()
    assert await morgue.failures.find(message_id) is None, "the dead letter has it now"


async def test_without_a_recorded_reason_it_is_unknown(morgue: Morgue) -> None:
    await morgue.queue.send("hello")

    async with morgue.draining():
        await morgue.queue.until_empty()

    (letter,) = await morgue.listed()
    assert (letter.reason, letter.attempts) == ("UNKNOWN", 0)


async def test_a_crash_after_the_insert_loses_neither_the_message_nor_its_reason(morgue: Morgue) -> None:
    """The message comes again, and by then its failure is forgotten."""
    message_id = await morgue.queue.send("hello")
    await morgue.failures.record(message_id, "ORDER_REFUSED", "NOT_FOUND")
    async with morgue.draining():
        await morgue.queue.until_empty()
    before = await morgue.listed()
    again = MemoryQueue(morgue.clock)
    assert await again.send("hello") == message_id
    morgue.queue = again

    async with morgue.draining():
        await morgue.queue.until_empty()

    assert await morgue.listed() == before


async def test_what_was_deleted_stays_deleted_when_its_message_comes_again(morgue: Morgue) -> None:
    message_id = await morgue.queue.send("hello")
    async with morgue.draining():
        await morgue.queue.until_empty()
    await morgue.letters.delete(message_id, morgue.clock.now())
    morgue.queue = MemoryQueue(morgue.clock)
    assert await morgue.queue.send("hello") == message_id

    async with morgue.draining():
        await morgue.queue.until_empty()

    assert await morgue.listed() == []


async def test_two_drainers_do_the_work_of_one(morgue: Morgue) -> None:
    message_ids = [await morgue.queue.send(f"hello {number}") for number in range(50)]

    async with morgue.draining(replicas=2):
        await morgue.queue.until_empty()

    assert sorted(letter.message_id for letter in await morgue.listed()) == sorted(message_ids)


async def test_while_the_database_is_down_messages_wait_in_the_queue(morgue: Morgue) -> None:
    morgue.letters = LettersThatAreDown()
    morgue.queue.visibility_seconds = 0
    await morgue.queue.send("hello")

    async with morgue.draining():
        await morgue.queue.until_empty()

    assert [letter.body for letter in await morgue.listed()] == ["hello"]


async def test_a_queue_that_is_down_is_waited_for(morgue: Morgue) -> None:
    await morgue.queue.send("hello")
    morgue.queue.down = True

    async with morgue.draining():
        await morgue.queue.until(lambda: morgue.queue.refused_calls > 0)
        morgue.queue.down = False
        await morgue.queue.until_empty()

    assert [letter.body for letter in await morgue.listed()] == ["hello"]


async def test_half_of_a_surrogate_pair_does_not_keep_a_message_in_the_queue_for_ever(morgue: Morgue) -> None:
    await morgue.queue.send("half: \ud800", {"a": "\udfff"})

    async with morgue.draining():
        await morgue.queue.until_empty()

    (letter,) = await morgue.listed()
    assert (letter.body, letter.attributes) == ("half: ?", {"a": "?"})

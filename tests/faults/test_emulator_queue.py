"""The emulator's queue counts right and loses nothing, whatever is done to it."""

import asyncio
from contextlib import suppress
from random import Random

import pytest

from tests.faults.rig.emulator.errors import AwsError
from tests.faults.rig.emulator.message import Message, State
from tests.faults.rig.emulator.queue import Queue

STEPS = 400
MOMENT_SECONDS = 0.002
"""So long things are hidden here: some show again while the test goes on."""


def message(name: str) -> Message:
    return Message(name, name, "", {}, "", None, 0)


def first(_: int) -> int:
    return 0


@pytest.mark.parametrize("seed", range(5))
async def test_each_message_is_in_one_place_until_it_is_deleted(seed: int) -> None:
    random = Random(seed)
    queue, dead_letters = Queue("q", "", "arn"), Queue("dead", "", "arn")
    queue.dead_letters, queue.receive_count_max = dead_letters, 3
    receipts: list[str] = []
    sent: set[str] = set()
    deleted: set[str] = set()

    for step in range(STEPS):
        match random.randrange(5):
            case 0 | 1:
                sent.add(str(step))
                queue.add(message(str(step)), random.choice([0, MOMENT_SECONDS]))
            case 2:
                taken = queue.take(random.randint(1, 10), random.choice([0, MOMENT_SECONDS, 60]), random.randrange)
                assert len({id(each) for each in taken}) == len(taken)
                receipts += map(queue.receipt, taken)
            case 3 if receipts:
                gone = queue.delete(random.choice(receipts))
                deleted |= {gone.body} if gone else set()
            case 4 if receipts:
                with suppress(AwsError):  # the receipt is stale, or the message is not in flight
                    queue.change_visibility(random.choice(receipts), random.choice([0, MOMENT_SECONDS, 60]))
        if step % 20 == 0:
            await asyncio.sleep(MOMENT_SECONDS)
        states = [each.state for each in queue.messages()]
        assert [queue.waiting, queue.in_flight, queue.delayed] == [
            states.count(state) for state in (State.WAITING, State.IN_FLIGHT, State.DELAYED)
        ]

    left = [*queue.bodies(), *dead_letters.bodies()]
    assert deleted
    assert dead_letters.bodies()
    assert sorted(left) == sorted(sent - deleted)
    queue.close()


async def test_what_a_leaving_receive_was_woken_for_wakes_the_next() -> None:
    queue = Queue("q", "", "arn")
    leaving, staying = [asyncio.create_task(queue.wait(60)) for _ in range(2)]
    await asyncio.sleep(0)

    queue.add(message("x"))
    leaving.cancel()

    await asyncio.wait_for(staying, 5)
    assert leaving.cancelled()


async def test_a_queue_does_not_care_how_much_waits() -> None:
    queue = Queue("q", "", "arn")
    for number in range(20_000):
        queue.add(message(str(number)))

    received = [each for _ in range(2_000) for each in queue.take(10, 60, first)]
    for each in received:
        queue.delete(queue.receipt(each))

    assert [each.body for each in received] == [str(number) for number in range(20_000)]
    assert queue.messages() == []
    queue.close()

"""Doing in one call what several ask for."""

import asyncio

import pytest

from services.notifier.batches import Batches


class Recorder:
    """Keeps the batches it was sent, and fails while it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failure: Exception | None = None

    async def send(self, items: list[int]) -> None:
        self.batches.append(items)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure


async def test_what_comes_together_goes_together() -> None:
    recorder = Recorder()
    batches = Batches(recorder.send, size=10)

    await asyncio.gather(*(batches.add(number) for number in range(25)))

    assert recorder.batches == [list(range(10)), list(range(10, 20)), list(range(20, 25))]


async def test_a_batch_that_fails_fails_for_each_of_it_and_no_other() -> None:
    recorder = Recorder()
    batches = Batches(recorder.send, size=2)
    recorder.failure = OSError("down")
    with pytest.raises(OSError, match="down"):
        await batches.add(1)

    recorder.failure = None
    await batches.add(2)

    assert recorder.batches == [[1], [2]]


async def test_a_caller_that_goes_away_does_not_keep_the_others_waiting() -> None:
    recorder = Recorder()
    batches = Batches(recorder.send, size=2)
    impatient = asyncio.create_task(batches.add(1))
    await asyncio.sleep(0)
    impatient.cancel()

    await batches.add(2)

    assert recorder.batches == [[1, 2]]

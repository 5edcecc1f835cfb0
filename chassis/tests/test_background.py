"""Loops, retries, and work that is finished whatever happens to its caller."""

import asyncio
import sys

import grpc
import pytest

from chassis import background
from chassis.background import finish, finish_first, retry_until_done, running, supervise
from chassis.tests.counted import counts


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "BACKOFF_SECONDS_MIN", 0.001)


async def test_a_loop_that_fails_is_started_again() -> None:
    runs = 0
    third = asyncio.Event()

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RuntimeError("again")
        third.set()
        await asyncio.Event().wait()

    async with running(asyncio.create_task(supervise("loop", loop))):
        await asyncio.wait_for(third.wait(), 5)

    assert runs == 3


async def test_a_step_is_repeated_while_its_dependency_is_away() -> None:
    tries = 0

    async def step() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise ConnectionError("not yet")

    await retry_until_done("something", step, (ConnectionError,))

    assert tries == 4


async def test_a_step_that_fails_for_good_is_not_repeated() -> None:
    async def step() -> None:
        raise ValueError("never")

    with pytest.raises(ValueError, match="never"):
        await retry_until_done("something", step, (ConnectionError,))


async def test_a_write_is_finished_when_its_caller_leaves() -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def write() -> None:
        begun.set()
        await go_on.wait()
        done.set()

    caller = asyncio.create_task(finish(write()))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()

    await asyncio.wait_for(done.wait(), 5)


async def test_a_loop_that_is_cancelled_finishes_first_what_it_has_begun() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def work() -> None:
        begun.set()
        await go_on.wait()
        done.append("work")

    caller = asyncio.create_task(finish_first(work(), seconds_max=60))
    await begun.wait()
    caller.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert done == ["work"]


@pytest.mark.parametrize(("seconds_max", "cancellations"), [(0.01, 1), (60, 2)])
async def test_what_takes_too_long_to_finish_is_cut_off(seconds_max: float, cancellations: int) -> None:
    begun, cut_off = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.set()

    caller = asyncio.create_task(finish_first(work(), seconds_max))
    await begun.wait()
    for _ in range(cancellations):
        caller.cancel()
        await asyncio.sleep(0)  # it hears of each
    with pytest.raises(asyncio.CancelledError):
        await caller

    await asyncio.wait_for(cut_off.wait(), 5)


async def test_what_is_waited_for_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[Exception] = [
        grpc.aio.AioRpcError(
            grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "refused", "many\nlines"
        )
    ]

    async def step() -> None:
        if errors:
            raise errors.pop()

    await retry_until_done("auth", step, (grpc.aio.AioRpcError,))

    assert caplog.messages == ["waiting for auth: UNAVAILABLE: refused"]


async def test_a_task_whose_cancellation_gets_lost_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CANCEL_AGAIN_SECONDS", 0.01)
    lost = 0

    async def driver() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost > 2:
                    raise

    task = asyncio.create_task(driver())
    await asyncio.sleep(0)
    async with asyncio.timeout(5), running(task):
        pass

    assert task.cancelled()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python loses no cancellation any more")
async def test_a_cancellation_does_get_lost_in_an_answer_that_comes_in_the_same_moment() -> None:
    """The reason for the test above."""
    answer = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(asyncio.wait_for(answer, 5))
    await asyncio.sleep(0)

    answer.set_result("an answer")
    task.cancel()

    assert await task == "an answer"


async def test_a_loop_that_is_started_again_is_counted() -> None:
    begun = 0
    third = asyncio.Event()

    async def loop() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ValueError("once")
        if begun == 3:
            third.set()
            await asyncio.Event().wait()

    with counts(2, "ordermesh_loop_restarts_total", loop="a loop"):
        async with asyncio.timeout(5), running(asyncio.create_task(supervise("a loop", loop))):
            await third.wait()

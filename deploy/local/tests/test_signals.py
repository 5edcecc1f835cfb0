"""Ctrl-C and its impatient sister."""

import asyncio
import os
import signal

from deploy.local.signals import until_signalled


async def test_the_first_signal_ends_the_work_and_the_second_kills() -> None:
    happened: list[str] = []
    working, killed = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(killed.wait(), 5)
            happened.append("cleaned up")

    def kill() -> None:
        happened.append("killed")
        killed.set()

    running = asyncio.create_task(until_signalled(work(), first=lambda: happened.append("asked"), again=kill))
    await working.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await running

    assert happened == ["asked", "killed", "cleaned up"]


async def test_work_that_ends_by_itself_needs_no_signal() -> None:
    before = signal.getsignal(signal.SIGTERM)

    await until_signalled(asyncio.sleep(0), first=lambda: None, again=lambda: None)

    assert signal.getsignal(signal.SIGTERM) == before

"""Ctrl-C and SIGTERM: the first asks to stop, the second kills."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_signalled(work: Awaitable[None], *, first: Callable[[], object], again: Callable[[], object]) -> None:
    """Do ``work``; the first signal cancels it after ``first()``, each other one calls ``again()``."""
    task = asyncio.ensure_future(work)
    signalled = False

    def on_signal() -> None:
        nonlocal signalled
        if signalled:
            again()
            return
        signalled = True
        first()
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)

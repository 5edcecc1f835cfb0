"""A process's outer frame: its event loop, its signals, and how it says that it cannot start."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from chassis import crash_points
from chassis.config import ConfigError

EXIT_CONFIGURATION = 78
"""sysexits.h's EX_CONFIG: starting again will not help, the configuration must change."""


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main()`` on uvloop until it ends, or until SIGTERM or SIGINT cancels it.

    A :class:`ConfigError`, also one raised while reading the configuration, is one clear line and
    exit code 78.
    """
    try:
        crash_points.arm(os.environ)
        _loop_runner().run(_until_signalled(main))
    except ConfigError as error:
        sys.stderr.write(f"configuration: {error}\n")
        sys.exit(EXIT_CONFIGURATION)


async def _until_signalled(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    task = asyncio.ensure_future(main())
    loop = asyncio.get_running_loop()
    signalled = False

    def stop() -> None:
        nonlocal signalled
        if not signalled:
            signalled = True
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not signalled:
            raise


def _loop_runner() -> asyncio.Runner:
    try:
        import uvloop  # noqa: PLC0415 - not there on Windows
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)

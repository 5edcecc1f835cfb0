"""Outages: nothing is received and nothing is tried until the dependency answers again.

Each delivery counts towards the dead-letter queue, so an outage must not be met with deliveries. The
first message that meets one stays in hand and is tried again once the dependency answers its probe;
only when it gets through are others tried.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from chassis.background import Backoff
from services.notifier.errors import Dependency, DependencyDown, DependencyFailed
from services.notifier.metrics import PAUSED

_log = logging.getLogger(__name__)

PROBE_SECONDS_MAX = 5.0
"""The longest pause between two probes."""


class Gate:
    """Open while all dependencies serve, as far as is known. ``probes`` raise while one does not."""

    def __init__(self, probes: Mapping[Dependency, Callable[[], Awaitable[None]]]) -> None:
        self._probes = probes
        self._opened = asyncio.Event()
        self._opened.set()
        self._waiting: set[asyncio.Task[None]] = set()
        self._abandoned = False

    @property
    def is_open(self) -> bool:
        """Whether messages may be received and tried."""
        return self._opened.is_set()

    async def opened(self) -> None:
        """Wait until it is open."""
        with self._waits():
            await self._opened.wait()

    async def outlast(self, outage: DependencyDown, again: Callable[[], Awaitable[None]]) -> None:
        """Keep the gate closed until ``again`` meets no outage any more; raises what it raises besides.

        :raises DependencyFailed: when the dependency answers its probe and fails this message all the same.
        """
        self._opened.clear()
        PAUSED.set(1)
        _log.warning("receiving is paused: %s", outage.message)
        try:
            await self._outlast(outage, again)
        finally:
            self._opened.set()
            PAUSED.set(0)
        _log.warning("receiving goes on: %s serves again", outage.dependency)

    def abandon(self) -> None:
        """Cancel everybody who waits, now and later: the process stops."""
        self._abandoned = True
        for task in self._waiting:
            task.cancel()

    async def _outlast(self, outage: DependencyDown, again: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(PROBE_SECONDS_MAX)
        while True:
            with self._waits():
                await self._until_healthy(outage.dependency, backoff)
            if isinstance(outage, DependencyFailed):
                raise outage
            try:
                return await again()
            except DependencyDown as another:
                outage = another

    async def _until_healthy(self, dependency: Dependency, backoff: Backoff) -> None:
        while True:
            await backoff.wait()
            try:
                return await self._probes[dependency]()
            except DependencyDown as error:
                _log.info("still down: %s", error.message)
            except Exception:
                _log.exception("the probe of %s failed", dependency)

    @contextmanager
    def _waits(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None, "this is awaited"
        self._waiting.add(task)
        if self._abandoned:
            task.cancel()
        try:
            yield
        finally:
            self._waiting.discard(task)

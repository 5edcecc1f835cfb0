"""Loops that run beside the calls: restarted when they fail, stopped with the process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from random import uniform
from time import monotonic
from typing import Any, TypeVar

import grpc
from prometheus_client import Counter

from chassis.tls import in_short

_log = logging.getLogger(__name__)

T = TypeVar("T")

BACKOFF_SECONDS_MIN = 0.2
BACKOFF_SECONDS_MAX = 2.0
ALIVE_SECONDS = 10.0
"""A loop that lived this long begins again with the smallest backoff."""

CANCEL_AGAIN_SECONDS = 0.5

_RESTARTS = Counter(
    "ordermesh_loop_restarts_total", "Loops that failed, or returned, and were started again.", ("loop",)
)


class Backoff:
    """Waits that double, from ``BACKOFF_SECONDS_MIN`` to ``seconds_max``, each shortened by up to a half, by chance.

    Else those who wait for the same thing come together each time, and one that comes and goes may be missed for ever.
    """

    def __init__(self, seconds_max: float = BACKOFF_SECONDS_MAX) -> None:
        self._seconds_max = seconds_max
        self._next_seconds = BACKOFF_SECONDS_MIN

    def reset(self) -> None:
        """Begin again with the smallest wait."""
        self._next_seconds = BACKOFF_SECONDS_MIN

    async def wait(self) -> None:
        """Wait, and wait longer the next time."""
        seconds, self._next_seconds = self._next_seconds, min(self._next_seconds * 2, self._seconds_max)
        await asyncio.sleep(uniform(seconds / 2, seconds))  # noqa: S311 - no secret


async def supervise(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run ``loop`` for ever: when it raises or returns, say so and start it again with backoff."""
    backoff = Backoff()
    while True:
        begun = monotonic()
        try:
            await loop()
            _log.error("%s returned and is started again", name)
        except Exception:
            _log.exception("%s failed and is started again", name)
        _RESTARTS.labels(name).inc()
        if monotonic() - begun > ALIVE_SECONDS:
            backoff.reset()
        await backoff.wait()


async def retry_until_done(
    name: str, step: Callable[[], Awaitable[None]], transient: tuple[type[Exception], ...]
) -> None:
    """Do ``step``; while it raises one of ``transient``, say what is waited for and try again."""
    backoff = Backoff()
    while True:
        try:
            await step()
        except transient as error:
            _log.warning("waiting for %s: %s", name, _reason(error))
            await backoff.wait()
        else:
            return


def _reason(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return in_short(error)
    return str(error).partition(",")[0] or type(error).__name__


@asynccontextmanager
async def running(task: asyncio.Task[None]) -> AsyncIterator[None]:
    """Cancel ``task`` at the end of the block and wait until it is over."""
    try:
        yield
    finally:
        await cancel_until_over([task], CANCEL_AGAIN_SECONDS)


async def cancel_until_over(tasks: Iterable[asyncio.Future[Any]], again_seconds: float) -> None:
    """Cancel ``tasks`` and wait until all are over; those that are not are cancelled again every ``again_seconds``.

    A cancellation can get lost: before Python 3.12 ``asyncio.wait_for``, which drivers use, answers with the result
    when it comes in the same moment (python/cpython#86296).
    """
    unfinished = set(tasks)
    while unfinished:
        for task in unfinished:
            task.cancel()
        _, unfinished = await asyncio.wait(unfinished, timeout=again_seconds)


async def finish(work: Awaitable[T]) -> T:
    """Run ``work`` to its end even when the caller is cancelled: a write in progress has an outcome.

    pymongo closes the connection of a cancelled task, and the write may or may not have happened.
    """
    return await asyncio.shield(_kept(asyncio.ensure_future(work)))


async def finish_first(work: Awaitable[T], seconds_max: float) -> T:
    """Run ``work`` to its end, and only then be cancelled: a loop that is stopped leaves nothing half done.

    It is cut off when it takes more than ``seconds_max`` after the cancellation, or at the next one.
    """
    task = _kept(asyncio.ensure_future(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait([task], timeout=seconds_max)
        finally:
            task.cancel()
        raise


_unfinished: set[asyncio.Future[Any]] = set()


def _kept(future: asyncio.Future[T]) -> asyncio.Future[T]:
    """The event loop holds tasks weakly; this holds one until it is done."""
    _unfinished.add(future)
    future.add_done_callback(_forget)
    return future


def _forget(future: asyncio.Future[Any]) -> None:
    _unfinished.discard(future)
    if not future.cancelled() and future.exception() is not None:
        _log.debug("unfinished work failed", exc_info=future.exception())

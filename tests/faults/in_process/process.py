"""A process that dies, without a process: from its death on nothing that belongs to it has any effect."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from chassis.crash_points import Port, Watched

T = TypeVar("T")


class Unreachable(Exception):
    """Who was asked is dead, or died before it answered."""


class ProcessDied(asyncio.CancelledError):
    """What the dead are told whenever they touch the outside. No handler of an Exception sees it."""


class Plan:
    """The deaths of a run, one after the other: the points at which somebody dies.

    Only the first death may be put off, until its point is reached the ``times``-th time. ``reached`` counts
    every point, ``deaths`` has those that happened.
    """

    def __init__(self, *points: str, times: int = 1) -> None:
        self.reached: Counter[str] = Counter()
        self.deaths: list[str] = []
        self._to_come = list(points)
        self._times = times

    def is_death(self, point: str) -> bool:
        """Note that a point is reached, and say whether to die there now."""
        self.reached[point] += 1
        if self._to_come[:1] != [point] or self.reached[point] < self._times:
            return False
        self.deaths.append(self._to_come.pop(0))
        return True


class Process:
    """One life of a service: the ports that it acts through, and the tasks that run in it."""

    def __init__(self, plan: Plan) -> None:
        self.is_dead = False
        self._plan = plan
        self._tasks: set[asyncio.Task[Any]] = set()

    def around(self, adapter: T, port: Port) -> T:
        """The adapter as this process may use it: until it dies."""
        return cast(T, Watched(adapter, port, self._reach))

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something until it ends or the process dies."""
        task = asyncio.create_task(coroutine)
        self._keep(task)
        return task

    async def answer(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Be asked something by another process.

        :raises Unreachable: when this one is dead before it has answered.
        """
        if self.is_dead:
            coroutine.close()
            raise Unreachable
        task = self.spawn(coroutine)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        if self.is_dead:
            raise Unreachable
        return task.result()

    async def bury(self) -> None:
        """Kill what lives, and wait until nothing of the process is left."""
        self._die()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _reach(self, point: str) -> None:
        task = asyncio.current_task()
        assert task is not None, "effects are awaited"
        self._keep(task)  # use cases and the worker make tasks of their own
        if not self.is_dead and self._plan.is_death(point):
            self._die()
        if self.is_dead:
            raise ProcessDied

    def _die(self) -> None:
        self.is_dead = True
        for task in self._tasks:
            task.cancel()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

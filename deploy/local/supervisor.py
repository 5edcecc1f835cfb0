"""All processes of a stack: started in order, kept alive, stopped in reverse."""

import asyncio
from types import TracebackType
from typing import Self

from deploy.local.process import KeptAlive, Process, Report
from deploy.local.state import StateDirectory

LOOK_AGAIN_SECONDS = 1.0
"""How soon a process that was started later is watched for failures too."""


class Supervisor:
    """Keeps processes alive until they are stopped. As a context manager it stops them all at the end."""

    def __init__(self, state: StateDirectory, report: Report) -> None:
        self._state = state
        self._report = report
        self._kept: dict[str, KeptAlive] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for kept in reversed(self._kept.values()):
            await kept.stop()

    @property
    def names(self) -> list[str]:
        """The processes, in the order of their start."""
        return list(self._kept)

    def __getitem__(self, name: str) -> KeptAlive:
        return self._kept[name]

    async def start(self, *processes: Process) -> None:
        """Start ``processes`` together and wait until all are ready.

        :raises StackError: when one of them does not become ready.
        """
        for process in processes:
            kept = self._kept[process.name] = KeptAlive(process, self._state, self._report)
            kept.start()
        await self.wait_ready()

    async def wait_ready(self) -> None:
        """Wait until every process that is kept alive is ready.

        :raises StackError: when one of them does not become ready.
        """
        waiting = [asyncio.create_task(kept.wait_ready()) for kept in self._kept.values() if kept.is_wanted]
        try:
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    async def wait_failed(self) -> None:
        """Wait until a process ends in a way that starting it again would not help.

        :raises StackError: with what it said.
        """
        while True:
            keeping = [kept.keeping for kept in self._kept.values() if kept.keeping is not None]
            done, _ = await asyncio.wait(keeping, timeout=LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()

    def kill(self) -> None:
        """Kill everything that runs, at once."""
        for kept in self._kept.values():
            kept.give_up()

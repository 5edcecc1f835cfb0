"""One process that is kept alive: started, watched, started again, stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from chassis.background import ALIVE_SECONDS, Backoff
from chassis.process import EXIT_CONFIGURATION
from deploy.local.errors import StackError
from deploy.local.state import StateDirectory

READY_SECONDS_MAX = 60.0
PROBE_SECONDS_MIN = 0.05
PROBE_SECONDS_MAX = 0.4
STOP_SECONDS_MAX = 15.0

BACKGROUND_NICENESS = 10
"""Of what works behind the customers' backs: on one machine it must not slow down who waits for an answer."""

BOUND = Path(__file__).with_name("bound.py")

Report = Callable[[str], None]


async def nothing() -> None:
    """What a process needs when it needs nothing."""


@dataclass(frozen=True)
class Process:
    """What to run.

    ``probe`` raises until the process answers; ``prepare`` is done after each start, once it does.
    The process sees ``environment`` and nothing else. One with a higher ``niceness`` lets others go first
    when there is not enough CPU for all.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    probe: Callable[[], Awaitable[object]]
    prepare: Callable[[], Awaitable[object]] = nothing
    niceness: int = 0


class KeptAlive:
    """A process that is started again, with backoff, whenever it dies."""

    def __init__(self, process: Process, state: StateDirectory, report: Report) -> None:
        self.process = process
        self.name = process.name
        self._state = state
        self._report = report
        self._child: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._wanted = False
        self._hurry = asyncio.Event()
        self._problem = "it does not answer"

    @property
    def pid(self) -> int | None:
        """The id of the running process."""
        return self._child.pid if self._child and self._child.returncode is None else None

    @property
    def is_wanted(self) -> bool:
        """Whether the process is kept alive now."""
        return self._wanted

    @property
    def keeping(self) -> "asyncio.Task[None] | None":
        """The task that keeps the process alive. It fails when starting again would not help."""
        return self._keeping

    def start(self) -> None:
        """Begin to keep the process alive, unless it is kept alive already."""
        if self._wanted:
            return
        self._wanted = True
        self._hurry.clear()
        self._keeping = asyncio.create_task(self._keep_alive(), name=f"keep {self.name}")

    async def wait_ready(self) -> None:
        """Wait until the process answers and is prepared.

        :raises StackError: when it does not come to that.
        """
        assert self._keeping is not None
        waiting = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({waiting, self._keeping}, timeout=READY_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._keeping.done() and self._wanted:
            self._keeping.result()
        if not self._ready.is_set():
            raise StackError(
                f"{self.name} is not ready after {READY_SECONDS_MAX:.0f} s ({self._problem}): "
                f"see {self._state.log_file(self.name)}"
            )

    async def restart(self, why: str) -> None:
        """Stop the process gracefully and start it again at once."""
        self._report(f"{self.name} is restarted: {why}")
        await self.stop()
        self.start()

    async def stop(self, seconds_max: float = STOP_SECONDS_MAX) -> None:
        """Ask the process to end, wait, and kill it when it takes longer than ``seconds_max``."""
        self._wanted = False
        self._hurry.set()
        if self._keeping is None:
            return
        self.signal(signal.SIGTERM)
        _, unfinished = await asyncio.wait([self._keeping], timeout=seconds_max)
        if unfinished:
            self._report(f"{self.name} did not end within {seconds_max:.0f} s and is killed")
            self.signal(signal.SIGKILL)
            await asyncio.wait([self._keeping])
        self._keeping.exception()  # whoever waited for the process has seen it, or nobody wants to know any more
        self._keeping = None

    async def kill(self) -> None:
        """Kill the process as a crash would, and wait until it is dead. It is started again by itself."""
        self._ready.clear()
        self.signal(signal.SIGKILL)
        if self._child is not None:
            await self._child.wait()

    def hurry(self) -> None:
        """Start the process again without waiting, if it is dead."""
        self._hurry.set()

    def give_up(self) -> None:
        """Kill the process, at once and for good."""
        self._wanted = False
        self._hurry.set()
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal; whatever ends it, it is started again unless it was stopped."""
        if self._child is not None and self._child.returncode is None:
            with suppress(ProcessLookupError):
                self._child.send_signal(number)

    async def _keep_alive(self) -> None:
        backoff = Backoff()
        while self._wanted:
            begun = monotonic()
            code = await self._run_once()
            if not self._wanted:
                return
            if code == EXIT_CONFIGURATION:
                line = next(iter(self._state.log_tail(self.name, 1)), "its configuration cannot be used")
                raise StackError(f"{self.name}: {line}")
            self._report(f"{self.name} {_how_it_ended(code)} and is started again")
            if monotonic() - begun > ALIVE_SECONDS:
                backoff.reset()
            await self._wait(backoff)

    async def _wait(self, backoff: Backoff) -> None:
        """Wait as long as ``backoff`` says, or until somebody is in a hurry, for one thing because it is stopped."""
        tasks = {asyncio.create_task(backoff.wait()), asyncio.create_task(self._hurry.wait())}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self._hurry.clear()
        for task in tasks:
            task.cancel()

    async def _run_once(self) -> int:
        with self._state.log_file(self.name).open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-IS", str(BOUND), str(os.getpid()), str(self.process.niceness)),
                *self.process.command,
                env=dict(self.process.environment),
                cwd=self._state.path,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._child = child
        pid_file = self._state.pid_file(self.name)
        pid_file.write_text(f"{child.pid}\n")
        preparing = asyncio.create_task(self._prepare(), name=f"prepare {self.name}")
        try:
            if not self._wanted:
                self.signal(signal.SIGTERM)
            return await child.wait()
        finally:
            self._ready.clear()
            preparing.cancel()
            pid_file.unlink(missing_ok=True)

    async def _prepare(self) -> None:
        pause_seconds = PROBE_SECONDS_MIN
        while True:
            try:
                await self.process.probe()
                await self.process.prepare()
            except Exception as error:  # whatever a driver raises while its server starts
                self._problem = f"{type(error).__name__}: {error}"
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(1.5 * pause_seconds, PROBE_SECONDS_MAX)
            else:
                self._ready.set()
                return


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"

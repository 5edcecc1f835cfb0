"""What the terminal shows: the stack's own lines, and the logs of its processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TextIO

from chassis.background import running
from deploy.local.state import StateDirectory

FOLLOW_SECONDS = 0.1
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)


class Console:
    """Writes lines with the padded name of who says them; in colour on a terminal only."""

    def __init__(self, stream: TextIO = sys.stdout, width: int = len("inventory-2")) -> None:
        self._stream = stream
        self._width = width
        self._colours: dict[str, int] = {}

    def say(self, line: str) -> None:
        """A line of the stack itself."""
        self.line("stack", line)

    def line(self, name: str, line: str) -> None:
        """A line that ``name`` says."""
        prefix = f"{name:<{self._width}} |"
        if self._stream.isatty():
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            prefix = f"\033[{colour}m{prefix}\033[0m"
        self.plain(f"{prefix} {line}")

    def plain(self, text: str) -> None:
        """A line as it is. A reader that has left is no reason to stop."""
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


class LogFollower:
    """Shows what is appended to the logs of a stack.

    Processes write to their files themselves: they never wait for the terminal, and what they said last
    is there whatever happens to the stack.
    """

    def __init__(self, console: Console, state: StateDirectory, quiet: Collection[str]) -> None:
        self._console = console
        self._state = state
        self._quiet = quiet
        self._shown_bytes: dict[str, int] = {}

    def show_new(self) -> None:
        """Show every whole line that was not shown yet."""
        for path in self._state.log_files():
            name = path.stem
            shown = self._shown_bytes.get(name, 0)
            if name in self._quiet or path.stat().st_size <= shown:
                continue
            with path.open("rb") as file:
                file.seek(shown)
                whole, newline, _ = file.read().rpartition(b"\n")
            self._shown_bytes[name] = shown + len(whole) + len(newline)
            for line in whole.decode(errors="replace").splitlines():
                self._console.line(name, line)


@asynccontextmanager
async def following(follower: LogFollower) -> AsyncIterator[None]:
    """Show new lines for the length of the block, and the last ones at its end."""

    async def keep_showing() -> None:
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            follower.show_new()

    try:
        async with running(asyncio.create_task(keep_showing())):
            yield
    finally:
        follower.show_new()

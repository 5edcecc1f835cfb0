"""The driver's diary on disk: what customers were told, and which faults there were.

A line counts only once it is synced to the disk: the driver waits for it before it believes an answer.
Many lines share one sync. ``bench/audit/journal.py`` reads the file.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import BinaryIO

from chassis.background import running


class Journal:
    """Appends JSON lines to a file. Made by :func:`open_journal`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()

    def note(self, what: str, **fields: object) -> None:
        """Write a line down; it is synced with the next one that somebody waits for."""
        self._lines.append(json.dumps({"at": time(), "what": what, **fields}).encode() + b"\n")
        self._wake.set()

    async def write(self, what: str, **fields: object) -> None:
        """Write a line down and wait until it is on the disk."""
        self.note(what, **fields)
        synced = asyncio.get_running_loop().create_future()
        self._waiting.append(synced)
        await synced

    async def run(self) -> None:
        """Sync what was written, again and again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.to_thread(self._append, self._take())

    def flush(self) -> None:
        """Sync what is left."""
        self._append(self._take())

    def _take(self) -> tuple[bytes, list[asyncio.Future[None]], asyncio.AbstractEventLoop]:
        lines, self._lines = b"".join(self._lines), []
        waiting, self._waiting = self._waiting, []
        return lines, waiting, asyncio.get_running_loop()

    def _append(self, taken: tuple[bytes, list[asyncio.Future[None]], asyncio.AbstractEventLoop]) -> None:
        lines, waiting, loop = taken
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())
        loop.call_soon_threadsafe(_tell, waiting)


def _tell(waiting: list[asyncio.Future[None]]) -> None:
    for synced in waiting:
        if not synced.done():  # whoever waited was cancelled
            synced.set_result(None)


@asynccontextmanager
async def open_journal(path: Path) -> AsyncIterator[Journal]:
    """A journal that begins empty."""
    with path.open("wb") as file:
        journal = Journal(file)
        async with running(asyncio.create_task(journal.run())):
            yield journal
        journal.flush()

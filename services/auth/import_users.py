"""Importing: people of another system keep their passwords."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from chassis.clock import Clock
from services.auth.store import AuthStore
from services.auth.user import User
from services.auth.user_lines import UserLine, read_user_lines

BATCH_LINES = 1_000
"""So many lines are in memory at a time, and their accounts in one round trip to the store."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of some lines: counts of accounts, and a sentence for each line that was refused."""

    created: int
    present: int
    refusals: Sequence[str]
    size_bytes: int


@dataclass(frozen=True)
class ImportUsers:
    """Keeps the accounts of a file. An address that has an account already keeps it as it is."""

    store: AuthStore
    clock: Clock

    async def __call__(self, file: BinaryIO) -> AsyncIterator[Imported]:
        """Import everything, and answer after each batch. Doing it again changes nothing."""
        lines = read_user_lines(file, self.clock.now())
        while batch := await asyncio.to_thread(list, islice(lines, BATCH_LINES)):
            yield await self._keep(batch)

    async def _keep(self, batch: Sequence[UserLine]) -> Imported:
        users = [line.user for line in batch if line.user is not None]
        firsts: dict[str, User] = {}
        for user in users:
            firsts.setdefault(user.email, user)
        created = len(firsts) - len(await self.store.add_users(list(firsts.values())))
        return Imported(
            created=created,
            present=len(users) - created,
            refusals=[line.refusal for line in batch if line.refusal is not None],
            size_bytes=sum(line.size_bytes for line in batch),
        )

"""The databases of all services, read as they were at one moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from chassis.mongo import Database, Document

T = TypeVar("T")

SERVER_SELECTION_SECONDS = 30.0
"""Long enough for a server that was killed and started again."""

SNAPSHOTS_MAX = 20
SNAPSHOT_PAUSE_SECONDS = 0.1
SNAPSHOT_GONE = frozenset({239, 246})
"""SnapshotTooOld, SnapshotUnavailable: an index or a collection is younger, or the server was restarted."""


@dataclass(frozen=True)
class Databases:
    """``databases["orders"]`` is the database of orders: the one that the URI names, else the service's own."""

    client: AsyncMongoClient[Document]

    def __getitem__(self, service: str) -> Database:
        return self.client.get_default_database(service)

    async def at_one_moment(self, read: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
        """What ``read`` reads with the session, all of it from one snapshot of what a majority has.

        :raises PyMongoError: when MongoDB does not answer.
        """
        for _ in range(SNAPSHOTS_MAX - 1):
            try:
                return await self._read_once(read)
            except OperationFailure as error:
                if error.code not in SNAPSHOT_GONE:
                    raise
            await asyncio.sleep(SNAPSHOT_PAUSE_SECONDS)
        return await self._read_once(read)

    async def _read_once(self, read: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
        async with self.client.start_session(snapshot=True) as session:
            return await read(session)


@asynccontextmanager
async def open_databases(
    mongo_uri: str, *, server_selection_seconds: float = SERVER_SELECTION_SECONDS
) -> AsyncIterator[Databases]:
    """The databases at ``mongo_uri``, read as they were written: by a majority.

    Reading waits ``server_selection_seconds`` for a server that is away.
    """
    async with AsyncMongoClient[Document](
        mongo_uri,
        readConcernLevel="majority",
        tz_aware=True,
        serverSelectionTimeoutMS=int(server_selection_seconds * 1_000),
    ) as client:
        yield Databases(client)

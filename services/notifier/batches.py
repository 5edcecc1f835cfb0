"""Doing in one call what several callers ask for at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Batches(Generic[Item]):
    """Collects items while the batch before is under way, up to ``size`` for each call of ``send``."""

    def __init__(self, send: Callable[[list[Item]], Awaitable[None]], size: int) -> None:
        self._send = send
        self._size = size
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> None:
        """Send ``item`` with others; returns, or raises, as its batch does."""
        sent = asyncio.get_running_loop().create_future()
        self._waiting.append((item, sent))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        await sent

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
                await self._send_batch(batch)
        finally:
            self._sender = None

    async def _send_batch(self, batch: list[tuple[Item, "asyncio.Future[None]"]]) -> None:
        failure: Exception | None = None
        try:
            await self._send([item for item, _ in batch])
        except Exception as error:
            failure = error
        for _, sent in batch:
            if sent.done():  # its caller was cancelled meanwhile
                continue
            if failure is None:
                sent.set_result(None)
            else:
                sent.set_exception(failure)

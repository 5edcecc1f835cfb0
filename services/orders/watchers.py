"""Who waits for which order, and how they hear of its changes.

A move that this replica made is told at once, with the order. Of others' moves it hears that an order changed, and
reads it: once for all who wait for it, and all that changed together in one query. Behind that it looks at every order
that somebody waits for now and then, so that nothing but time is lost when nobody tells.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from chassis.background import Backoff
from chassis.mongo import MONGO_DOWN
from services.orders.changes import Changes, ChangesDown
from services.orders.order import Order
from services.orders.store import OrderStore

POLL_SECONDS = 5.0
"""Every order that somebody waits for is looked at so often, whatever was told."""

READ_ORDERS_MAX = 500
"""Orders in one query."""

UNTOLD_ORDERS_MAX = 10_000
"""Orders whose change the other replicas still have to be told of; of more they hear when they look."""

TELL_ORDERS_MAX = 500
"""Orders in one message to the other replicas."""

_log = logging.getLogger(__name__)


class Watch:
    """One who waits for the versions of one order."""

    def __init__(self) -> None:
        self._newest: Order | None = None
        self._came = asyncio.Event()

    def offer(self, order: Order) -> None:
        """Show the order as somebody saw it; an older version than one shown before changes nothing."""
        if self._newest is None or order.version > self._newest.version:
            self._newest = order
            self._came.set()

    async def newer_than(self, version: int) -> Order:
        """The newest order that was shown, once it is newer than ``version``."""
        while self._newest is None or self._newest.version <= version:
            self._came.clear()
            await self._came.wait()
        return self._newest


class Watchers:
    """Everybody who waits for an order in this replica."""

    def __init__(self, store: OrderStore, changes: Changes) -> None:
        self._store = store
        self._changes = changes
        self._watches: dict[str, set[Watch]] = {}
        self._unread: set[str] = set()
        self._untold: set[str] = set()
        self._to_read = asyncio.Event()
        self._to_tell = asyncio.Event()

    @contextmanager
    def watching(self, order_id: str) -> Iterator[Watch]:
        """Wait for an order's versions: those from now on are not missed."""
        watch = Watch()
        self._watches.setdefault(order_id, set()).add(watch)
        try:
            yield watch
        finally:
            others = self._watches[order_id]
            others.discard(watch)
            if not others:
                del self._watches[order_id]

    def moved(self, order: Order) -> None:
        """Tell everybody who waits for it, here and in the other replicas, of an order that has just moved."""
        self._show(order)
        if len(self._untold) < UNTOLD_ORDERS_MAX:
            self._untold.add(order.order_id)
            self._to_tell.set()

    def heard(self, order_ids: Collection[str]) -> None:
        """Note that orders may have changed."""
        unread = self._watches.keys() & order_ids
        if unread:
            self._unread |= unread
            self._to_read.set()

    async def read(self) -> None:
        """Read what may have changed, and everything now and then, for ever; to be run as a loop."""
        backoff = Backoff()
        poll_at = monotonic() + POLL_SECONDS
        while True:
            await self._wait_until(poll_at)
            if monotonic() >= poll_at:
                self._unread |= self._watches.keys()
                poll_at = monotonic() + POLL_SECONDS
            try:
                await self.read_unread()
                backoff.reset()
            except MONGO_DOWN as error:
                _log.warning("orders that are watched cannot be read: %s", type(error).__name__)
                await backoff.wait()

    async def read_unread(self) -> None:
        """Read what may have changed, once. What could not be read is read the next time."""
        self._to_read.clear()
        while self._unread:
            wanted = list(self._unread)[:READ_ORDERS_MAX]
            for order in await self._store.get_many(wanted):
                self._show(order)
            self._unread.difference_update(wanted)

    async def tell(self) -> None:
        """Tell the other replicas what moved here, for ever; to be run as a loop."""
        backoff, is_down = Backoff(), False
        while True:
            await self._to_tell.wait()
            self._to_tell.clear()
            try:
                await self.tell_untold()
                backoff.reset()
                is_down = False
            except ChangesDown as error:
                if not is_down:
                    _log.warning("the other replicas are not told which orders change: %s", error)
                is_down = True
                await backoff.wait()

    async def tell_untold(self) -> None:
        """Tell the other replicas what moved here, once. What they may not have heard is not told again: they look.

        :raises ChangesDown: when they may not have heard.
        """
        for order_ids in _parts(list(self._untold)):
            self._untold.difference_update(order_ids)
            await self._changes.publish(order_ids)

    async def hear(self) -> None:
        """Hear what moved in the other replicas, for ever; to be run as a loop."""
        backoff, is_down = Backoff(), False

        def subscribed() -> None:
            nonlocal is_down
            is_down = False
            backoff.reset()
            self.heard(self._watches.keys())  # what changed while nothing was heard is read now

        while True:
            try:
                await self._changes.follow(self.heard, subscribed)
            except ChangesDown as error:
                if not is_down:
                    _log.warning("changes of orders are seen late, nothing is heard of them: %s", error)
                is_down = True
            await backoff.wait()

    def _show(self, order: Order) -> None:
        for watch in self._watches.get(order.order_id, ()):
            watch.offer(order)

    async def _wait_until(self, time: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, time - monotonic())):
                await self._to_read.wait()
        except TimeoutError:
            return


def _parts(order_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (order_ids[at : at + TELL_ORDERS_MAX] for at in range(0, len(order_ids), TELL_ORDERS_MAX))

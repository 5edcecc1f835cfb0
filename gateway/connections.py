"""The connections of a process: how many there may be, and how long they may wait for their clients.

Whoever connects and sends nothing, or half a request, or never reads the answer, costs memory for as long as that is
borne. So what waits for a client is kept here in the order in which the waiting began, and one loop looks at the
longest every ``SWEEP_SECONDS``: a connection costs no timer and no task, and a request a few dictionary entries.

When there are as many connections as there may be, the one that has kept us waiting longest makes room for the next:
under a flood these are the flood's own, and who really wants something is served. Only when all clients wait for us
the new one is sent away.
"""

import asyncio
import logging
import resource
from collections import OrderedDict
from math import inf
from operator import itemgetter
from time import monotonic
from typing import Protocol

CONNECTIONS_MAX_DEFAULT = 4096

KEEP_ALIVE_SECONDS = 65.0
"""How long a connection may be idle, also before its first request: longer than the 60 s of common load balancers,
who then never send a request on a connection that is just being closed."""

HEAD_SECONDS_MAX = 10.0
"""From the first byte of a head to its last."""

REST_SECONDS_MAX = 10.0
"""How long the rest of a body that was refused may come; it is read and forgotten, so that the answer is not lost."""

UNREAD_SECONDS_MAX = 30.0
"""How long a client may leave an answer unread."""

SWEEP_SECONDS = 1.0
"""Every limit above may be overstepped by so much."""

DESCRIPTORS_OTHER = 256
"""Files that the process needs beside its clients' connections: channels, logs, certificates."""

_log = logging.getLogger(__name__)


class Connection(Protocol):
    """One that can be told to end."""

    def give_up(self) -> None:
        """End: it has waited too long for its client."""
        ...

    def make_room(self) -> None:
        """End: others need its place."""
        ...


class Waiting:
    """Connections that wait for the same thing from their clients, the longest first, and how long they may."""

    def __init__(self, seconds_max: float) -> None:
        self.seconds_max = seconds_max
        self._since: OrderedDict[Connection, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._since)

    def begin(self, connection: Connection) -> None:
        """It begins to wait, if it does not wait already."""
        self._since.setdefault(connection, monotonic())

    def end(self, connection: Connection) -> None:
        """It waits no more."""
        self._since.pop(connection, None)

    def longest(self) -> tuple[float, Connection] | None:
        """Since when the one that waits longest does, and which it is."""
        connection = next(iter(self._since), None)
        return (self._since[connection], connection) if connection is not None else None

    def sweep(self) -> None:
        """End what has waited too long."""
        latest = monotonic() - self.seconds_max
        while (longest := self.longest()) is not None and longest[0] < latest:
            self.end(longest[1])
            longest[1].give_up()


class Connections:
    """What the connections of a process wait for."""

    def __init__(
        self,
        connections_max: int = CONNECTIONS_MAX_DEFAULT,
        *,
        idle_seconds: float = KEEP_ALIVE_SECONDS,
        head_seconds: float = HEAD_SECONDS_MAX,
        rest_seconds: float = REST_SECONDS_MAX,
        unread_seconds: float = UNREAD_SECONDS_MAX,
    ) -> None:
        self.connections_max = connections_max
        self.requests = Waiting(idle_seconds)
        self.heads = Waiting(head_seconds)
        self.bodies = Waiting(inf)  # whoever reads a body has a time for it, and answers 408
        self.rests = Waiting(rest_seconds)
        self.readers = Waiting(unread_seconds)
        self._all = (self.requests, self.heads, self.bodies, self.rests, self.readers)

    def find_room(self) -> bool:
        """End the connection that has waited for its client longest; whether there was one."""
        longest = [found for waiting in self._all if (found := waiting.longest()) is not None]
        if not longest:
            return False
        _, victim = min(longest, key=itemgetter(0))
        self.forget(victim)
        victim.make_room()
        return True

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        for waiting in self._all:
            waiting.end(connection)

    async def keep_swept(self) -> None:
        """End what has waited too long, again and again; to be run as a loop."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for waiting in self._all:
                waiting.sweep()


def allow_descriptors(connections_max: int) -> int:
    """Raise the process's limit on open files for so many connections; how many it allows after all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections_max + DESCRIPTORS_OTHER
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return connections_max
    allowed = max(1, soft - DESCRIPTORS_OTHER)
    _log.warning("only %d open files are allowed here: %d connections, not %d", soft, allowed, connections_max)
    return allowed

"""Replicas behind a name, and programs that call them by it: what of the calls a further replica gets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic

from chassis.background import running
from chassis.channels import open_channel
from chassis.config import Environment
from chassis.tests.name_server import NAME, NameServer, name_server
from chassis.tests.replicas import AS_DEPLOYED, AUTH, Callers, Replica, until

HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
"""Every address of 127.0.0.0/8 is this machine's, on Linux."""

CALLS_MIN = 100
FAIR_SHARE_LEAST = 0.8


@dataclass
class Scene:
    """Some replicas that the name server knows, and one more that has not been started."""

    names: NameServer
    replicas: Sequence[Replica]
    callers: Sequence[Callers]

    @property
    def newcomer(self) -> Replica:
        return self.replicas[-1]

    @property
    def failed(self) -> list[str]:
        return [failure for caller in self.callers for failure in caller.failed]

    async def add_newcomer(self) -> None:
        """Start it, and publish its address when it is ready: as a headless Service does."""
        await self.newcomer.start()
        self.names.addresses.append(self.newcomer.host)

    async def remove(self, replica: Replica) -> None:
        """Stop it; from the moment in which it is asked to, its address is published no more."""
        self.names.addresses.remove(replica.host)
        await replica.stop()

    def fair_share(self, begin: float, end: float) -> float:
        """What the newcomer got of the calls between two times, as a part of an equal share."""
        counts = [sum(begin <= time < end for time in replica.servicer.times) for replica in self.replicas]
        return len(counts) * counts[-1] / sum(counts)


@asynccontextmanager
async def scale_out(
    port: int, connection_age_seconds: int, *, channels: int, pause_seconds: float, kept_seconds: float = 0.0
) -> AsyncIterator[Scene]:
    """Two of three replicas serve, and as many programs as there are ``channels`` call them without a break."""
    config = replace(AS_DEPLOYED, connection_age_seconds=connection_age_seconds)
    replicas = [Replica(port, host=host, config=config) for host in HOSTS]
    async with AsyncExitStack() as stack:
        names, names_port = await stack.enter_async_context(name_server(HOSTS[:-1], kept_seconds))
        for replica in replicas:
            stack.push_async_callback(replica.stop)
        await asyncio.gather(*(replica.start() for replica in replicas[:-1]))
        target = f"dns://127.0.0.1:{names_port}/{NAME}:{port}"
        address = Environment({"AUTH_ADDR": target}).address("AUTH_ADDR", "")
        callers = []
        for _ in range(channels):
            channel = await stack.enter_async_context(open_channel(address, AUTH))
            callers.append(Callers(channel, pause_seconds))
            await stack.enter_async_context(running(asyncio.create_task(callers[-1].keep_calling())))
        await until(lambda: min(replica.servicer.calls for replica in replicas[:-1]) > CALLS_MIN)
        yield Scene(names, replicas, callers)


async def fair_share_by_time(scene: Scene, seconds: int, step_seconds: int) -> list[float]:
    """The newcomer's share in each step from now on."""
    begin = monotonic()
    await asyncio.sleep(seconds)  # what is measured is a course of time
    return [scene.fair_share(begin + step, begin + step + step_seconds) for step in range(0, seconds, step_seconds)]

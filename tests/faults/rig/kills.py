"""Killing and freezing processes at work.

A kill counts only when the process had at least ``IN_FLIGHT_MIN`` requests or messages in flight: an idle
process has nothing to lose.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random
from time import monotonic
from typing import Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.ports import HOST
from tests.faults.rig.mesh import Mesh
from tests.faults.rig.shop import Shop

IN_FLIGHT_MIN = 5
BUSY_SECONDS_MAX = 10.0
"""How long a process is watched for being busy enough."""

BURST = 12
"""So many ask at once just before a process is killed, to keep it busy."""

METRICS_SECONDS = 2.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Moment:
    """When a process was killed (both ends are the same) or frozen."""

    process: str
    begin: datetime
    end: datetime

    @classmethod
    def of_kill(cls, process: str) -> Self:
        """A kill that was just now."""
        now = datetime.now(UTC)
        return cls(process, now, now)

    def is_freeze_of(self, service: str) -> bool:
        """Whether it is a freeze, and of a replica of ``service``."""
        return self.begin < self.end and self.process.partition("-")[0] == service


@dataclass
class Kills:
    """What was done, for the report."""

    counted: Counter[str] = field(default_factory=Counter)
    in_flight: list[tuple[str, int]] = field(default_factory=list)
    not_counted: Counter[str] = field(default_factory=Counter)
    frozen: Counter[str] = field(default_factory=Counter)
    moments: list[Moment] = field(default_factory=list)

    def __str__(self) -> str:
        sizes = sorted(size for _, size in self.in_flight)
        spread = f"; in flight: least {sizes[0]}, median {sizes[len(sizes) // 2]}, most {sizes[-1]}" if sizes else ""
        idle = f"; not counted: {_by_name(self.not_counted)}" if self.not_counted else ""
        frozen = f"; frozen: {sum(self.frozen.values())}" if self.frozen else ""
        return f"{sum(self.counted.values())} kills ({_by_name(self.counted)}){spread}{idle}{frozen}"


class Killer:
    """Kills and freezes processes of one mesh, which is idle when this is made.

    Each MongoDB client keeps a question open that the server answers when its state changes: what is in flight in
    mongod then is no work.
    """

    def __init__(self, mesh: Mesh, shop: Shop, http: aiohttp.ClientSession) -> None:
        self.done = Kills()
        self.last_at: float | None = None
        """When the last fault ended, on the monotonic clock; nothing when all was settled since."""
        self.mesh = mesh
        self._shop = shop
        self._http = http
        self._monitors = mesh.mongo.in_flight
        self._orders = count()

    async def kill(self, name: str) -> bool:
        """Kill a process (SIGKILL) when it is busy enough; whether it counts. It is started again by itself.

        A process that does not become busy in time is killed all the same, and that does not count.
        """
        stop_at = monotonic() + BUSY_SECONDS_MAX
        async with asyncio.TaskGroup() as group:
            burst = group.create_task(self._keep_busy(name))
            size = await self.in_flight(name)
            while size < IN_FLIGHT_MIN and monotonic() < stop_at:
                await asyncio.sleep(0.01)
                size = await self.in_flight(name)
            await self.mesh.process(name).kill()
            self._note(Moment.of_kill(name))
            burst.cancel()
        is_counted = size >= IN_FLIGHT_MIN
        self._shop.journal.note("fault", kind="kill", process=name, in_flight=size)
        if is_counted:
            self.done.counted[name] += 1
            self.done.in_flight.append((name, size))
        else:
            self.done.not_counted[name] += 1
        return is_counted

    async def freeze(self, name: str, seconds: float) -> None:
        """Stop a process's world (SIGSTOP) for a while."""
        self._shop.journal.note("fault", kind="freeze", process=name, seconds=seconds)
        self.done.frozen[name] += 1
        begin = datetime.now(UTC)
        self.mesh.process(name).signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.mesh.process(name).signal(signal.SIGCONT)
            self._note(Moment(name, begin, datetime.now(UTC)))

    def fault_is_over(self) -> None:
        """Hear that a fault of another kind is over: whatever it left is settled soon after this."""
        self.last_at = monotonic()

    def all_is_settled(self) -> None:
        """Hear that nothing is left of the faults so far: what is under way later is none of their doing."""
        self.last_at = None

    async def in_flight(self, name: str) -> int:
        """Requests and messages that the process has begun and not answered, at this moment."""
        match name.partition("-")[0]:
            case "gateway":
                return self._shop.in_flight[self.mesh.settings.gateway_urls[int(name.partition("-")[2] or 1) - 1]]
            case "mongod":
                return self.mesh.mongo.in_flight - self._monitors
            case "redis":
                return self.mesh.redis.in_flight
            case _:
                return await self._of_service(name)

    def _note(self, moment: Moment) -> None:
        self.fault_is_over()
        self.done.moments.append(moment)

    async def _of_service(self, name: str) -> int:
        url = f"http://{HOST}:{self.mesh.metrics_ports[name]}/metrics"
        try:
            async with self._http.get(url, timeout=aiohttp.ClientTimeout(METRICS_SECONDS)) as answer:
                return in_flight_of(await answer.text())
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def _keep_busy(self, name: str) -> None:
        """Requests that reach this process, so that it is killed at work."""
        ask = self._busy_work(name.partition("-")[0])
        if ask is None:
            return

        async def again() -> None:
            while True:
                await ask()

        async with asyncio.TaskGroup() as group:
            for _ in range(BURST):
                group.create_task(again())

    def _busy_work(self, service: str) -> Callable[[], Awaitable[object]] | None:
        shop = self._shop
        match service:
            case "auth":
                return lambda: shop.log_in(shop.customers[0])
            case "redis" if shop.accepted:
                order_id, customer = next(iter(shop.accepted.items()))
                return lambda: shop.look(customer, order_id)
            case _ if shop.skus:
                return self._order
            case _:
                return None

    async def _order(self) -> None:
        """An order goes through all the others. Its customer does not come back for it."""
        number = next(self._orders)
        customer = self._shop.customers[number % len(self._shop.customers)]
        await self._shop.place(customer, {self._shop.skus[0]: 1}, f"burst-{number}", is_patient=False)


async def killing(
    killer: Killer, random: Random, names: list[str], count: int, freezes: float, is_due: Callable[[int], bool]
) -> None:
    """Kill processes until ``count`` kills counted, each name about equally often; freeze one now and then.

    ``is_due`` says whether it is time for the next kill, given its number, 1 for the first.
    """
    while (killed := sum(killer.done.counted.values())) < count:
        if not is_due(killed + 1):
            await asyncio.sleep(LOOK_SECONDS)
            continue
        fewest = min(killer.done.counted[name] for name in names)
        name = random.choice([name for name in names if killer.done.counted[name] <= fewest])
        if random.random() < freezes:
            await killer.freeze(random.choice(names), random.uniform(0.2, 4))
        await killer.mesh.wait_ready()
        await asyncio.sleep(random.uniform(0.1, 1.0))
        await killer.kill(name)


def _by_name(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def in_flight_of(metrics: str) -> int:
    """Calls and messages in flight, from a process's metrics."""
    sums = {
        "grpc_server_started_total": 0.0,
        "grpc_server_handled_total": 0.0,
        "ordermesh_notifier_messages_in_flight": 0.0,
    }
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name in sums:
                sums[sample.name] += sample.value
    started, handled, messages = sums.values()
    return int(started - handled + messages)

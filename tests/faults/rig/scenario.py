"""A scenario: faults and load on a mesh of its own, then rest, then the audit."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

import aiohttp

from tests.faults.rig.kills import Killer
from tests.faults.rig.load import Load, Mix
from tests.faults.rig.mesh import RIG_TIMES, Mesh
from tests.faults.rig.shop import Shop

Profile = Literal["smoke", "short", "long"]

REST_SECONDS_MAX = float(RIG_TIMES["HOLD_SECONDS"]) + float(RIG_TIMES["SWEEP_AGE_SECONDS"])
"""After the last fault everything is settled within this: what waits for a hold or for the sweep has met it."""


@dataclass
class Run:
    """One run of a scenario: its mesh, its customers, its chance, and what it tells."""

    size: int
    mesh: Mesh
    shop: Shop
    http: aiohttp.ClientSession
    random: Random
    killer: Killer
    figures: dict[str, object] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    rest_seconds_max: float = REST_SECONDS_MAX
    """How long it may take until all is settled and the queues are empty; what is left then is a finding."""

    def require(self, holds: bool, finding: str) -> None:
        """A finding, unless it holds."""
        if not holds:
            self.findings.append(finding)

    async def skus(self, count: int, stock: int) -> list[str]:
        """New items on sale."""
        skus = [f"SKU-{self.random.randrange(10**8):08}" for _ in range(count)]
        for sku in skus:
            await self.shop.item(sku, stock)
        return skus

    async def load(self, skus: list[str], is_enough: Callable[[int], bool], mix: Mix | None = None) -> Load:
        """Customers at work until it is enough."""
        load = Load(self.shop, self.random, skus, mix or Mix())
        await load.run(is_enough)
        return load


@dataclass(frozen=True)
class Scenario:
    """``sizes`` is how much of it a profile runs, in ``unit``; a profile that is not there leaves it out.

    ``dead_letters_max``: how many messages may become dead letters; None: any number. ``loses_marks``: what it does
    may keep a process from recording that a mail was sent, at times that nobody notes. ``refused_addresses``: SES
    refuses mails for good to addresses with this in them; empty: to nobody.
    """

    name: str
    promise: str
    unit: str
    sizes: Mapping[Profile, int]
    body: Callable[[Run], Awaitable[None]]
    customers: int = 20
    replicas: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    dead_letters_max: int | None = None
    loses_marks: bool = False
    refused_addresses: str = ""

"""Connections to MongoDB and Redis that are slow, are cut, or swallow everything for a while."""

import asyncio

from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.scenario import Run, Scenario

ORDERS_A_FAULT = 25
DELAY_SECONDS = 0.02
HOLE_SECONDS_MAX = 3.0
TORN_SHARE = 0.02
"""Of what passes: the connection ends instead."""


async def bad_network(run: Run) -> None:
    """One fault after the other, drawn by chance."""
    load = Load(run.shop, run.random, await run.skus(6, 1_000_000), Mix())
    is_over = False

    async def spoil() -> None:
        nonlocal is_over
        for _ in range(run.size):
            await _one_fault(run)
            run.killer.fault_is_over()
            await asyncio.sleep(run.random.uniform(0.2, 1))
        is_over = True

    await beside(load.run(lambda number: is_over and number >= run.size * ORDERS_A_FAULT), spoil())
    run.figures |= {"faults": run.size, "orders": len(run.shop.accepted), "answers": dict(load.answers)}


async def _one_fault(run: Run) -> None:
    name = run.random.choice(("mongo", "mongo", "redis"))
    proxy = run.mesh.mongo if name == "mongo" else run.mesh.redis
    kind = run.random.choice(("cut", "slow", "hole", "torn"))
    run.shop.journal.note("fault", kind=kind, process=name)
    match kind:
        case "cut":
            proxy.cut()
        case "slow":
            proxy.delay_seconds = DELAY_SECONDS
            await asyncio.sleep(run.random.uniform(0.5, 2))
            proxy.delay_seconds = 0
        case "torn":
            proxy.cut_share = TORN_SHARE
            await asyncio.sleep(run.random.uniform(0.5, 2))
            proxy.cut_share = 0
        case _:
            proxy.blackhole = True
            await asyncio.sleep(run.random.uniform(0.2, HOLE_SECONDS_MAX))
            proxy.blackhole = False


NETWORK = Scenario(
    "network",
    "connections to MongoDB and Redis cut, torn, slow, swallowed: nothing lost",
    "faults",
    {"short": 20, "long": 200},
    bad_network,
    loses_marks=True,
)

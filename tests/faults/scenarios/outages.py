"""A dependency is away for two minutes, under load: its return finds everything, and no dead letter."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.mesh import Mesh
from tests.faults.rig.scenario import Run, Scenario

OUTAGE_SECONDS = 120.0
CLIENTS = 8
"""Few: whoever cannot be served asks again, and again."""

BEFORE_ORDERS = 50
AFTER_ORDERS = 50


def stopped(name: str) -> Callable[[Mesh], AbstractAsyncContextManager[None]]:
    """A process that is killed and stays away."""

    @asynccontextmanager
    async def outage(mesh: Mesh) -> AsyncIterator[None]:
        process = mesh.process(name)
        process.give_up()
        await process.stop()
        try:
            yield
        finally:
            process.start()
            await process.wait_ready()

    return outage


@asynccontextmanager
async def no_mongo(mesh: Mesh) -> AsyncIterator[None]:
    """Nobody reaches MongoDB."""
    mesh.mongo.refuse = True
    mesh.mongo.cut()
    try:
        yield
    finally:
        mesh.mongo.refuse = False


@asynccontextmanager
async def no_sqs(mesh: Mesh) -> AsyncIterator[None]:
    """SQS answers nobody."""
    mesh.aws.faults.sqs_down = True
    try:
        yield
    finally:
        mesh.aws.faults.sqs_down = False


@asynccontextmanager
async def no_ses(mesh: Mesh) -> AsyncIterator[None]:
    """SES answers nobody."""
    mesh.aws.faults.ses_down = True
    try:
        yield
    finally:
        mesh.aws.faults.ses_down = False


DEPENDENCIES: Mapping[str, Callable[[Mesh], AbstractAsyncContextManager[None]]] = {
    "orders": stopped("orders"),
    "MongoDB": no_mongo,
    "SES": no_ses,
    "SQS": no_sqs,
    "inventory": stopped("inventory"),
    "auth": stopped("auth"),
    "Redis": stopped("redis"),
}


async def outages(run: Run) -> None:
    """As many dependencies as the size says, one after the other; a short run draws one."""
    names = run.random.sample(sorted(DEPENDENCIES), k=min(run.size, len(DEPENDENCIES)))
    for name in names:
        await _outage(run, name)
    run.figures |= {
        "away for 2 min": ", ".join(names),
        "orders": len(run.shop.accepted),
    }


async def _outage(run: Run, name: str) -> None:
    load = Load(run.shop, run.random, await run.skus(4, 1_000_000), Mix(clients=CLIENTS))
    after: int | None = None

    def is_enough(number: int) -> bool:
        nonlocal after
        if is_over and after is None:
            after = number + AFTER_ORDERS
        return after is not None and number >= after

    is_over = False

    async def be_away() -> None:
        nonlocal is_over
        while len(run.shop.accepted) < BEFORE_ORDERS:
            await asyncio.sleep(0.05)
        run.shop.journal.note("fault", kind="outage", process=name)
        async with DEPENDENCIES[name](run.mesh):
            await asyncio.sleep(OUTAGE_SECONDS)
        is_over = True

    await beside(load.run(is_enough), be_away())


OUTAGES = Scenario(
    "outages",
    "outage of 2 min of a dependency under load: DLQ empty, nothing lost",
    "dependencies",
    {"short": 1, "long": len(DEPENDENCIES)},
    outages,
    dead_letters_max=0,
    loses_marks=True,
)

"""A dependency is away for two minutes, under load: its return finds everything, and no dead letter."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.mesh import Mesh
from tests.faults.rig.scenario import Run, Scenario
from tests.faults.rig.verdict import Rest, come_to_rest, depths

OUTAGE_SECONDS = 120.0
MIX = Mix(clients=8)
"""Few: whoever cannot be served asks again, and again."""

BACKLOG = 50
"""So many messages wait when a dependency goes away: a worker that goes on with them would make dead letters of them.
A frozen notifier lets them pile up."""

BACKLOG_SECONDS_MAX = 60.0
AFTER_ORDERS = 50
"""So many come when all is settled: it goes on."""

LOOK_SECONDS = 0.05


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
    rests = {name: await _outage(run, name) for name in names}
    run.figures |= {
        "away for 2 min": ", ".join(names),
        "messages that waited when it went": f"at least {BACKLOG}",
        "99 of 100 orders settled after its return": {
            name: f"{rest.p99_seconds:.1f} s" for name, rest in rests.items()
        },
        "orders": len(run.shop.accepted),
    }


async def _outage(run: Run, name: str) -> Rest:
    skus = await run.skus(4, 1_000_000)
    load = Load(run.shop, run.random, skus, MIX)
    is_over = False

    async def be_away() -> None:
        nonlocal is_over
        run.shop.journal.note("fault", kind="outage", process=name)
        async with AsyncExitStack() as stack:
            async with backlog(run, BACKLOG):
                await stack.enter_async_context(DEPENDENCIES[name](run.mesh))
            await asyncio.sleep(OUTAGE_SECONDS)
        run.killer.fault_is_over()
        is_over = True

    await beside(load.run(lambda _: is_over), be_away())
    rest = await come_to_rest(run)
    await run.load(skus, lambda number: number >= AFTER_ORDERS, MIX)
    return rest


@asynccontextmanager
async def backlog(run: Run, messages: int) -> AsyncIterator[None]:
    """At least so many messages wait, and nobody takes them until the end of the block."""
    notifier = run.mesh.process("notifier")
    notifier.signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(BACKLOG_SECONDS_MAX):
            while depths(run.mesh).waiting < messages:
                await asyncio.sleep(LOOK_SECONDS)
        yield
    finally:
        notifier.signal(signal.SIGCONT)


OUTAGES = Scenario(
    "outages",
    "outage of 2 min of a dependency under load: DLQ empty, nothing lost",
    "dependencies",
    {"short": 1, "long": len(DEPENDENCIES)},
    outages,
    dead_letters_max=0,
    loses_marks=True,
)

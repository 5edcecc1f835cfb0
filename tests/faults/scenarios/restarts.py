"""Rolling restarts by SIGTERM, two replicas of everything: no customer sees a failure, not even at the first try."""

import asyncio

from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.scenario import Run, Scenario

CLIENTS = 16
BETWEEN_SECONDS = 0.5
PROCESSES = [
    *("auth", "auth-2", "inventory", "inventory-2", "orders", "orders-2"),
    *("notifier", "notifier-2", "gateway", "gateway-2"),
]
LOG_IN_SECONDS = 0.2


async def rolling_restarts(run: Run) -> None:
    """Every process in turn, again and again, until enough answers came; each at least once."""
    load = Load(run.shop, run.random, await run.skus(6, 1_000_000), Mix(clients=CLIENTS))
    begun_at, restarted = run.shop.first_answers, 0
    is_over = False

    def enough_answers() -> bool:
        return run.shop.first_answers - begun_at >= run.size

    async def restart_all() -> None:
        nonlocal restarted, is_over
        while not enough_answers() or restarted < len(PROCESSES):
            name = PROCESSES[restarted % len(PROCESSES)]
            await run.mesh.restart(name)
            restarted += 1
            await asyncio.sleep(BETWEEN_SECONDS)
        is_over = True

    async def keep_logging_in() -> None:
        while not is_over:
            await run.shop.log_in(run.random.choice(run.shop.customers))
            await asyncio.sleep(LOG_IN_SECONDS)

    await beside(load.run(lambda _: is_over), beside(restart_all(), keep_logging_in()))
    failures = dict(run.shop.first_failures)
    run.require(not failures, f"RESTART: first responses failed: {failures}")
    run.figures |= {
        "first responses": run.shop.first_answers - begun_at,
        "failed": sum(failures.values()),
        "restarts": restarted,
    }


RESTARTS = Scenario(
    "restarts",
    "restart of each service and the gateway by SIGTERM under load, two replicas of each: 0 failed first responses",
    "first responses",
    {"short": 2_000, "long": 50_000},
    rolling_restarts,
    replicas=2,
    # Nothing fails here, so nothing may be published twice: the sweep is to look when all is over.
    settings={"SWEEP_AGE_SECONDS": "30"},
)

"""kill -9 of every process, at work: nothing accepted is lost, sold twice, processed twice or untold."""

from random import Random

from tests.faults.rig.kills import killing
from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.scenario import Run, Scenario

ORDERS_A_KILL = 100
PROCESSES = ["auth", "orders", "inventory", "notifier", "gateway", "mongod", "redis"]
FREEZES = 0.2
THINK_SECONDS = 2.0
SCARCE_SHARE = 10
"""Of two items there are so few that some orders are refused."""

REDIS_DELAY_SECONDS = 0.005
"""So that something is in flight in Redis at all: it answers in a fraction of a millisecond."""


async def kill_all(run: Run) -> None:
    """Kills spread over all processes, some freezes between them."""
    run.mesh.redis.delay_seconds = REDIS_DELAY_SECONDS
    await _kill_under_load(run, PROCESSES, FREEZES)


async def kill_mongod(run: Run) -> None:
    """Kills of mongod only."""
    await _kill_under_load(run, ["mongod"], 0)


async def _kill_under_load(run: Run, names: list[str], freezes: float) -> None:
    kills, orders = run.size, run.size * ORDERS_A_KILL
    skus = [*await run.skus(8, 1_000_000), *await run.skus(2, orders // SCARCE_SHARE)]
    load = Load(run.shop, run.random, skus, Mix(think_seconds=THINK_SECONDS))
    done = run.killer.done
    chance = Random(run.random.random())

    def is_enough(_: int) -> bool:
        return len(run.shop.accepted) >= orders and sum(done.counted.values()) >= kills

    def is_due(kill: int) -> bool:
        """Kills are spread over the orders, so that the last fault meets the last orders."""
        return len(run.shop.accepted) >= kill * ORDERS_A_KILL

    await beside(load.run(is_enough), killing(run.killer, chance, names, kills, freezes, is_due))
    run.figures |= {"kills": str(done), "answers": dict(load.answers), "orders": len(run.shop.accepted)}


KILLS = Scenario(
    "kills",
    "kill -9 spread over all processes under load: 0 lost, 0 oversold, 0 processed twice, 0 mails lost",
    "kills",
    {"smoke": 10, "short": 30, "long": 300},
    kill_all,
)

MONGOD_KILLS = Scenario(
    "mongod-kills",
    "mongod SIGKILL: no acknowledged write lost",
    "kills",
    {"short": 5, "long": 60},
    kill_mongod,
)

"""Redis flushed, frozen, killed: no customer sees an error, not even at the first try, and not at the login either."""

import asyncio

from redis.asyncio import Redis

from deploy.local.redis_server import redis_url
from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.scenario import Run, Scenario
from tests.faults.rig.shop import Customer

FREEZE_SECONDS = 3.0
BETWEEN_SECONDS = 1.0
ORDERS_A_ROUND = 200
LOG_IN_SECONDS = 0.2


async def without_redis(run: Run) -> None:
    """Round after round: flush, freeze, blackhole, cut, kill."""
    load = Load(run.shop, run.random, await run.skus(6, 1_000_000), Mix(looks=4))
    is_over = False

    async def spoil() -> None:
        nonlocal is_over
        for _ in range(run.size):
            await _one_round(run)
        is_over = True

    async def log_in_and_refresh() -> None:
        nobody = Customer("nobody", "")
        while not is_over:
            answer = await run.shop.log_in(run.random.choice(run.shop.customers))
            await run.shop.ask("POST", "/api/auth/refresh", nobody, {"refreshToken": answer.body.get("refreshToken")})
            await asyncio.sleep(LOG_IN_SECONDS)

    orders = load.run(lambda number: is_over and number >= run.size * ORDERS_A_ROUND)
    await beside(orders, beside(spoil(), log_in_and_refresh()))
    failures = dict(run.shop.first_failures)
    run.require(not failures, f"REDIS: customers saw {failures}")
    run.figures |= {"first answers": run.shop.first_answers, "failed": sum(failures.values()), "rounds": run.size}


async def _one_round(run: Run) -> None:
    mesh = run.mesh
    run.shop.journal.note("fault", kind="redis")
    async with Redis.from_url(redis_url(mesh.settings.ports["redis"].number)) as redis:
        await redis.flushall()
    await asyncio.sleep(BETWEEN_SECONDS)
    await run.killer.freeze("redis", FREEZE_SECONDS)
    await asyncio.sleep(BETWEEN_SECONDS)
    mesh.redis.cut()
    mesh.redis.blackhole = True
    await asyncio.sleep(FREEZE_SECONDS)
    mesh.redis.blackhole = False
    await asyncio.sleep(BETWEEN_SECONDS)
    await mesh.process("redis").kill()
    await mesh.wait_ready()
    run.killer.fault_is_over()
    await asyncio.sleep(BETWEEN_SECONDS)


REDIS = Scenario(
    "redis",
    "Redis flushed, frozen, cut off, killed under load: 0 errors seen by users (first response)",
    "rounds",
    {"short": 1, "long": 5},
    without_redis,
)

"""Short scenarios that bring bugs out: slow databases, customers who change their minds, and well-aimed kills.

Few, because each is also run without a bug: a line that is red anyway would prove nothing.
"""

import asyncio
from contextlib import AsyncExitStack
from random import Random

from chassis.crash_points import reached_file
from tests.faults.rig.scenario import Run, Scenario
from tests.faults.scenarios.outages import DEPENDENCIES, backlog

REST_SECONDS_MAX = 25.0
"""Longer than hold and sweep of the rig's settings. A bug that never lets the mesh rest has shown itself by then."""

PLENTY = 1_000_000
CUSTOMERS = 8

CLIENTS = 16
SLOW_SECONDS = 0.003
"""How much longer MongoDB takes each way: what is read grows old before it is written."""

LOST_ANSWERS = 0.05
THROTTLED = 0.05
CHANGES_OF_MIND = 0.6
MIND_SECONDS_MAX = 0.1

CRASH_POINT = "orders.store.insert:before"
CRASH_AT = 4
"""The so many-th order of a wave: others have their holds by then, and no order."""

RECEIVES_MAX = 3

OUTAGE_SECONDS = 10.0

WAVE = 16
"""Orders at once just before something dies."""


async def rush(run: Run) -> None:
    """Customers who order, look, change their minds and look again, over two replicas of inventory."""
    run.rest_seconds_max = REST_SECONDS_MAX
    run.mesh.mongo.delay_seconds = SLOW_SECONDS
    run.mesh.aws.faults.mail_lost_answer_share = LOST_ANSWERS
    run.mesh.aws.faults.mail_throttle_share = THROTTLED
    run.shop.journal.note("fault", kind="slow MongoDB, SES loses answers and throttles")
    skus = await run.skus(3, PLENTY)
    seed = run.random.random()
    at_once = asyncio.Semaphore(CLIENTS)

    async def visit(number: int) -> None:
        async with at_once:
            await _visit(run, skus, Random(f"{seed} {number}"))

    await asyncio.gather(*(visit(number) for number in range(run.size)))
    run.figures["orders"] = len(run.shop.accepted)


async def _visit(run: Run, skus: list[str], random: Random) -> None:
    shop, customer = run.shop, random.choice(run.shop.customers)
    placed = await shop.place(customer, dict.fromkeys(random.sample(skus, 2), 1), f"rush-{random.random()}")
    order_id = placed.body["orderId"]
    await shop.look(customer, order_id)
    await asyncio.sleep(random.uniform(0, MIND_SECONDS_MAX))
    if random.random() < CHANGES_OF_MIND:
        await shop.cancel(customer, order_id)
    await shop.look(customer, order_id)


async def crash_before_the_write(run: Run) -> None:
    """Orders dies between holds and inserts. Some customers never ask again, others want something else then."""
    run.rest_seconds_max = REST_SECONDS_MAX
    run.mesh.aws.queue.receive_count_max = RECEIVES_MAX
    skus = await run.skus(2, PLENTY)
    crash_file = run.mesh.crash_file("orders")
    crash_file.write_text(f"{CRASH_POINT} {CRASH_AT}\n" * run.size)
    await run.mesh.process("orders").kill()
    for wave in range(run.size):
        await run.mesh.wait_ready()
        run.shop.journal.note("fault", kind="crash")
        await asyncio.gather(*(_half_order(run, skus, f"crash-{wave}-{number}", number) for number in range(WAVE)))
    reached = reached_file(crash_file)
    crashes = len(reached.read_text().splitlines()) if reached.exists() else 0
    run.require(crashes == run.size, f"RIG: {crashes} of {run.size} crashes before the write")
    run.figures |= {"crashes": crashes, "orders": len(run.shop.accepted)}


async def _half_order(run: Run, skus: list[str], key: str, number: int) -> None:
    customer, (first, second) = run.random.choice(run.shop.customers), skus
    answer = await run.shop.place(customer, {first: 1}, key, is_patient=False)
    if not answer.is_definite and number % 2:
        await run.shop.place(customer, {second: 2}, key)


async def outage_of_inventory(run: Run) -> None:
    """Inventory goes away while messages wait, and is back long before anybody would have given them up."""
    run.rest_seconds_max = REST_SECONDS_MAX
    run.shop.journal.note("fault", kind="outage", process="inventory")
    (sku,) = await run.skus(1, PLENTY)
    keys = [f"outage-{number}" for number in range(run.size)]
    placing = asyncio.gather(*(run.shop.place(run.random.choice(run.shop.customers), {sku: 1}, key) for key in keys))
    async with AsyncExitStack() as stack:
        async with backlog(run, run.size // 2):
            await placing
            await stack.enter_async_context(DEPENDENCIES["inventory"](run.mesh))
        await asyncio.sleep(OUTAGE_SECONDS)
    run.figures["orders"] = len(run.shop.accepted)


async def kill_mongod_at_once(run: Run) -> None:
    """mongod dies as soon as the first of some customers was told that the order is there."""
    run.rest_seconds_max = REST_SECONDS_MAX
    (sku,) = await run.skus(1, PLENTY)
    for wave in range(run.size):
        await _wave(run, sku, wave)
        await run.mesh.wait_ready()
    run.figures |= {"kills": run.size, "orders": len(run.shop.accepted)}


async def _wave(run: Run, sku: str, wave: int) -> None:
    told = asyncio.Event()

    async def place(number: int) -> None:
        await run.shop.place(run.random.choice(run.shop.customers), {sku: 1}, f"wave-{wave}-{number}")
        told.set()

    async def kill() -> None:
        await told.wait()
        run.shop.journal.note("fault", kind="kill", process="mongod")
        await run.mesh.process("mongod").kill()

    await asyncio.gather(kill(), *(place(number) for number in range(WAVE)))


RUSH = Scenario(
    "rush",
    "customers who change their minds, a slow MongoDB, an SES that loses answers and throttles, two inventories",
    "visits",
    {"short": 160},
    rush,
    customers=CUSTOMERS,
    replicas=2,
    settings={f"{name}_REPLICAS": "1" for name in ("AUTH", "ORDERS", "NOTIFIER", "GATEWAY")},
)

CRASH_BEFORE_THE_WRITE = Scenario(
    "crash-before-the-write",
    "crashes between hold and insert, after which customers go away, or want something else",
    "crashes",
    {"short": 2},
    crash_before_the_write,
    customers=CUSTOMERS,
)

OUTAGE_OF_INVENTORY = Scenario(
    "outage-of-inventory",
    "inventory away while messages wait",
    "orders",
    {"short": 40},
    outage_of_inventory,
    customers=CUSTOMERS,
    dead_letters_max=0,
)

MONGOD_KILLS_AT_ONCE = Scenario(
    "mongod-kills-at-once",
    "mongod killed when it has just acknowledged orders",
    "kills",
    {"short": 4},
    kill_mongod_at_once,
    customers=CUSTOMERS,
)

"""A customer cancels while the worker begins to process: exactly one of them wins, whatever crashes."""

import asyncio
from collections import Counter
from pathlib import Path
from statistics import median
from time import time

from bench.audit import Databases, open_databases
from chassis.crash_points import reached_file
from tests.faults.rig.scenario import Run, Scenario

AT_ONCE = 20
RACES_A_CRASH = 10
DELAY_SECONDS_MAX = 0.5
"""About how long it takes until a worker begins: each side is to win sometimes."""

AFTER_THE_WRITE = "orders.stock.release:before"
"""The order is CANCELLED, its stock is not released yet."""

RACES_A_CRASH_MAX = 100
"""At least one crash in so many races, or this would be about something else."""

RELEASED_SECONDS_MAX = 10.0
LOOK_SECONDS = 0.05


async def races(run: Run) -> None:
    """Races in groups; orders crashes again and again, each time after the write of a cancel."""
    (sku,) = await run.skus(1, 1_000_000)
    ends: Counter[str] = Counter()
    crash_file = run.mesh.crash_file("orders")
    crash_file.write_text(f"{AFTER_THE_WRITE} {RACES_A_CRASH}\n" * max(1, run.size // RACES_A_CRASH))
    run.shop.journal.note("fault", kind="crash points", process="orders")
    await run.mesh.process("orders").kill()
    await run.mesh.wait_ready()
    left, seconds = run.size, list[float]()
    reached = reached_file(crash_file)
    reached.touch()
    async with open_databases(run.mesh.mongo_uri) as databases:
        while left > 0:
            wave, crashes = min(left, AT_ONCE), _count(reached)
            for end in await asyncio.gather(*(_race(run, sku) for _ in range(wave))):
                ends[end] += 1
            left -= wave
            if _count(reached) > crashes:
                seconds.append(await _until_released(databases, crashed_at=reached.stat().st_mtime))
    crash_file.write_text("")
    run.killer.fault_is_over()
    run.require(
        len(seconds) * RACES_A_CRASH_MAX >= run.size, f"CANCEL: only {len(seconds)} crashes in {run.size} races"
    )
    run.require(len(ends) == 2, f"CANCEL: only one side ever won: {dict(ends)}")
    slowest = max(seconds, default=0.0)
    run.require(slowest <= RELEASED_SECONDS_MAX, f"CANCEL: stock was right only {slowest:.1f} s after a crash")
    run.figures |= {
        "races": run.size,
        "ends": dict(ends),
        "crashes after the cancel's write": _count(reached),
        "from a crash until stock is right": f"median {median(seconds or [0]):.1f} s, longest {slowest:.1f} s",
    }


def _count(reached: Path) -> int:
    return len(reached.read_text().splitlines())


async def _until_released(databases: Databases, crashed_at: float) -> float:
    """Wait until no order that is cancelled owes its stock; how long after the crash that is, in seconds."""
    orders = databases["orders"]["orders"]
    while await orders.find_one({"status": "CANCELLED", "stock": "TO_RELEASE"}):
        await asyncio.sleep(LOOK_SECONDS)
    return time() - crashed_at


async def _race(run: Run, sku: str) -> str:
    customer = run.random.choice(run.shop.customers)
    placed = await run.shop.place(customer, {sku: 1}, f"race-{run.random.random()}")
    await asyncio.sleep(run.random.uniform(0, DELAY_SECONDS_MAX))
    answer = await run.shop.cancel(customer, placed.body["orderId"])
    run.require(str(answer) in {"200", "409 ORDER_NOT_CANCELLABLE"}, f"CANCEL: a cancel was answered with {answer}")
    return str(answer)


CANCEL_RACES = Scenario(
    "cancel-races",
    "cancel racing process, crash after the cancel's write: exactly one wins, stock right within 10 s",
    "races",
    {"short": 200, "long": 5_000},
    races,
)

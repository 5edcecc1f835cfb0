"""A customer cancels while the worker begins to process: exactly one of them wins, whatever crashes."""

import asyncio
from collections import Counter

from tests.faults.rig.scenario import Run, Scenario

AT_ONCE = 20
RACES_A_CRASH = 25
DELAY_SECONDS_MAX = 0.5
"""About how long it takes until a worker begins: each side is to win sometimes."""

AFTER_THE_WRITE = "orders.stock.release:before"
"""The order is CANCELLED, its stock is not released yet."""


async def races(run: Run) -> None:
    """Races in groups; orders crashes again and again, each time after the write of a cancel."""
    (sku,) = await run.skus(1, 1_000_000)
    ends: Counter[str] = Counter()
    crash_file = run.mesh.crash_file("orders")
    crash_file.write_text(f"{AFTER_THE_WRITE} {RACES_A_CRASH}\n" * max(1, run.size // RACES_A_CRASH))
    run.shop.journal.note("fault", kind="crash points", process="orders")
    await run.mesh.process("orders").kill()
    await run.mesh.wait_ready()
    left = run.size
    while left > 0:
        wave = min(left, AT_ONCE)
        for end in await asyncio.gather(*(_race(run, sku) for _ in range(wave))):
            ends[end] += 1
        left -= wave
    crash_file.write_text("")
    reached = crash_file.with_name(f"{crash_file.name}.reached")
    crashes = len(reached.read_text().splitlines()) if reached.exists() else 0
    run.require(crashes > 0, "CANCEL: no crash between a cancel's write and its release")
    run.require(len(ends) == 2, f"CANCEL: only one side ever won: {dict(ends)}")
    run.figures |= {"races": run.size, "ends": dict(ends), "crashes after the cancel's write": crashes}


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

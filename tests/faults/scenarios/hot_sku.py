"""Everybody wants the same things: exactly as many are sold as there are."""

import asyncio
from collections import Counter
from itertools import count
from random import Random
from time import monotonic

from tests.faults.rig.scenario import Run, Scenario
from tests.faults.rig.verdict import come_to_rest

STOCK = 100
TRIES = 2_000
CLIENTS = 200
SECONDS_MAX = 15.0
SOLD_OUT = {"available": 0, "reserved": 0, "sold": STOCK}
BASKETS = 0.5
"""The share of tries that want all three items, their lines in one order or the opposite one."""


async def rounds(run: Run) -> None:
    """Round after round with new items; when all are settled, all of each are sold, and none is held or left."""
    seconds, skus = [], list[str]()
    for _ in range(run.size):
        skus += (wanted := await run.skus(3, STOCK))
        seconds.append(await _round(run, wanted))
    await come_to_rest(run)
    stocks = {sku: await run.shop.stock(sku) for sku in skus}
    wrong = {sku: stock for sku, stock in stocks.items() if stock != SOLD_OUT}
    run.require(not wrong, f"HOT: not sold out: {wrong}")
    run.figures |= {"rounds": run.size, "seconds of tries, longest": f"{max(seconds):.1f}"}


async def _round(run: Run, skus: list[str]) -> float:
    answers: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    numbers = count()
    seed = run.random.random()

    async def client() -> None:
        while (number := next(numbers)) < TRIES:
            random = Random(f"{seed} {number}")
            wanted = skus[:: random.choice((1, -1))] if random.random() < BASKETS else [random.choice(skus)]
            answer = await run.shop.place(
                random.choice(run.shop.customers), dict.fromkeys(wanted, 1), f"{seed}-{number}"
            )
            answers[str(answer)] += 1
            if answer.status == 201:
                sold.update(wanted)

    begun = monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    seconds = monotonic() - begun
    run.require(set(answers) <= {"201", "409 OUT_OF_STOCK"}, f"HOT: answers were {dict(answers)}")
    run.require(sold == dict.fromkeys(skus, STOCK), f"HOT: accepted were {dict(sold)} of {STOCK} each")
    run.require(seconds <= SECONDS_MAX, f"HOT: {TRIES} tries took {seconds:.1f} s, more than {SECONDS_MAX:.0f} s")
    return seconds


HOT_SKU = Scenario(
    "hot-sku",
    f"hot skus, stock {STOCK}, {TRIES:,} tries from {CLIENTS} clients, baskets in opposite orders: "
    f"exactly {STOCK} sold of each, within {SECONDS_MAX:.0f} s of tries",
    "rounds",
    {"short": 2, "long": 20},
    rounds,
    # Nothing fails here, so nothing may be published twice: the sweep is to look when the rush is over.
    settings={"SWEEP_AGE_SECONDS": "30"},
)

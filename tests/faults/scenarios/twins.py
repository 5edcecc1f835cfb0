"""Fifty calls at once with one key make one order, also when they want different things."""

import asyncio

from tests.faults.rig.scenario import Run, Scenario

AT_ONCE = 50


async def keys(run: Run) -> None:
    """Key after key; every other one comes with two bodies."""
    skus = await run.skus(4, 1_000_000)
    for number in range(run.size):
        await _one_key(run, skus, number)
    run.figures |= {"keys": run.size, "calls": run.size * AT_ONCE}


async def _one_key(run: Run, skus: list[str], number: int) -> None:
    customer = run.random.choice(run.shop.customers)
    first, second = run.random.sample(skus, 2)
    bodies = [{first: 1}, {second: 2, first: 3}] if number % 2 else [{first: 1}]
    wanted = [bodies[twin % len(bodies)] for twin in range(AT_ONCE)]
    run.random.shuffle(wanted)
    key = f"twins-{run.random.random()}"
    answers = await asyncio.gather(
        *(run.shop.place(customer, items, key, twin=twin) for twin, items in enumerate(wanted))
    )

    accepted = [items for items, answer in zip(wanted, answers, strict=True) if answer.status == 201]
    order_ids = {answer.body["orderId"] for answer in answers if answer.status == 201}
    refused = {str(answer) for answer in answers if answer.status != 201}
    run.require(len(order_ids) == 1, f"I2: one key made {len(order_ids)} orders")
    run.require(refused <= {"422 IDEMPOTENCY_KEY_REUSED"}, f"I2: twins were answered with {refused}")
    run.require(all(items == accepted[0] for items in accepted), "I2: two bodies with one key were accepted")
    run.require(len(accepted) == wanted.count(accepted[0]), "I2: a twin with the winner's body was refused")


TWINS = Scenario(
    "twins",
    f"{AT_ONCE}-way parallel twins of one key, half of the keys with two bodies: one order each, "
    "lines equal to the hold's",
    "keys",
    {"short": 20, "long": 1_000},
    keys,
)

"""What the admin, newcomers and strangers do beside the customers' orders: so every effect happens all the time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random

from argon2 import PasswordHasher

from bench.audit import open_databases
from tests.faults.rig.load import Load
from tests.faults.rig.scenario import Run
from tests.faults.rig.shop import PASSWORD, Customer

PAUSE_SECONDS = 1.0
NEWCOMERS = 4
"""So many at once: while auth dies again and again, most do not come far."""

GENERATIONS = 3
REFUSED_NAME = "refused"
"""SES refuses for good whoever has this in their address."""

NOT_TAKEN_AGAIN = "\x01"
"""A character that SQS takes from nobody: whatever brought it into the queue, it cannot be sent again."""

POISON = (NOT_TAKEN_AGAIN, "not JSON", '{"schema": "of somebody else"}', f'{{"orderId": "{"0" * 32}"}}')

WEAK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
"""A hash with the parameters of years ago: a login replaces it."""


async def chores(run: Run, load: Load, skus: Sequence[str], is_over: Callable[[], bool]) -> None:
    """All of them at once, again and again; orders while there is room for more than those of ``load``."""
    refused = await run.shop.register(REFUSED_NAME)
    jobs: list[Callable[[Random], Awaitable[None]]] = [
        *[partial(accounts, run), partial(passwords, run)] * NEWCOMERS,
        partial(stock, run),
        partial(poison, run),
        partial(dead_letters, run),
        partial(order_and_cancel, run, load, skus),
        partial(refused_mail, run, load, skus, refused),
    ]

    async def again(job: Callable[[Random], Awaitable[None]], random: Random) -> None:
        while not is_over():
            await job(random)
            await asyncio.sleep(PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(again(job, Random(run.random.random())))


async def accounts(run: Run, random: Random) -> None:
    """Register, log in with an old hash, refresh, and use a refresh token that is long gone: the session ends."""
    shop, anybody = run.shop, Customer("nobody", "")
    account = await _registered(run, random)
    email = account["email"]
    async with open_databases(run.mesh.mongo_uri) as databases:
        await databases["auth"]["users"].update_one({"email": email}, {"$set": {"password_hash": WEAK.hash(PASSWORD)}})
    answer = await shop.ask("POST", "/api/auth/login", anybody, account)
    tokens: list[str] = []
    while len(tokens) < GENERATIONS and "refreshToken" in answer.body:
        tokens.append(answer.body["refreshToken"])
        answer = await shop.ask("POST", "/api/auth/refresh", anybody, {"refreshToken": tokens[-1]})
    if tokens:
        await shop.ask("POST", "/api/auth/refresh", anybody, {"refreshToken": tokens[0]})


async def passwords(run: Run, random: Random) -> None:
    """Register, log in, change the password, and log out everywhere."""
    shop, newcomer = run.shop, Customer("newcomer", "")
    account = await _registered(run, random)
    answer = await shop.ask("POST", "/api/auth/login", newcomer, account)
    newcomer.token = answer.body.get("accessToken", "")
    change = {"oldPassword": account["password"], "newPassword": f"{PASSWORD} staple"}
    await shop.ask("POST", "/api/auth/password", newcomer, change)
    await shop.ask("POST", "/api/auth/logout-all", newcomer, {})


async def _registered(run: Run, random: Random) -> dict[str, str]:
    account = {"email": f"newcomer-{random.randrange(10**12)}@example.com", "password": PASSWORD}
    await run.shop.ask("POST", "/api/auth/register", Customer("nobody", ""), account)
    return account


async def stock(run: Run, random: Random) -> None:
    """Create, rename and restock an item."""
    sku = f"CHORE-{random.randrange(10**8):08}"
    shop, admin = run.shop, run.shop.admin
    await shop.item(sku, 5)
    await shop.definite("PATCH", f"/api/inventory/{sku}", admin, {"name": "Another name"})
    change = {"delta": 3, "reason": "counted", "requestId": f"count-{random.randrange(10**12)}"}
    await shop.definite("POST", f"/api/inventory/{sku}/adjust", admin, change)


async def poison(run: Run, random: Random) -> None:
    """A message that nobody understands."""
    run.mesh.aws.send(random.choice(POISON))


async def dead_letters(run: Run, random: Random) -> None:
    """Look at the dead letters; send one again, and one that SQS does not take; delete another."""
    shop, admin = run.shop, run.shop.admin
    answer = await shop.ask("GET", "/api/dead-letters?state=DEAD", admin)
    bodies = {letter["messageId"]: letter["body"] for letter in answer.body.get("deadLetters", ())}
    if bodies:
        ids = list(bodies)
        not_taken = [message_id for message_id, body in bodies.items() if body == NOT_TAKEN_AGAIN]
        redriven = {random.choice(ids), *not_taken[:1]}
        await shop.ask("POST", "/api/dead-letters/redrive", admin, {"messageIds": sorted(redriven)})
        await shop.ask("DELETE", f"/api/dead-letters/{random.choice(ids)}", admin)


async def refused_mail(run: Run, load: Load, skus: Sequence[str], customer: Customer, random: Random) -> None:
    """An order of somebody whom SES will never write to."""
    await load.wait_for_room()
    await run.shop.place(customer, {random.choice(skus): 1}, f"refused-{random.random()}")


async def order_and_cancel(run: Run, load: Load, skus: Sequence[str], random: Random) -> None:
    """Order, and think better of it at once."""
    await load.wait_for_room()
    customer = random.choice(run.shop.customers)
    answer = await run.shop.place(customer, {random.choice(skus): 1}, f"cancelled-{random.random()}")
    if answer.status == 201:
        await run.shop.cancel(customer, answer.body["orderId"])

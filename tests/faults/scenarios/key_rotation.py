"""The key of access tokens is rotated under load, as the operator would do it: nobody notices."""

import asyncio
from dataclasses import replace
from http import HTTPStatus
from random import Random
from time import monotonic

from chassis.mesh import KEYS_AGE_SECONDS_MAX
from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.scenario import Run, Scenario
from tests.faults.scenarios.sessions import addresses_of
from tests.refusals import until_refused

REPLICAS = ("auth", "auth-2")
REQUESTS_A_ROTATION = 1_000
CLIENTS = 8
THINK_SECONDS = 0.5
LOG_IN_SECONDS = 1.0
"""A customer logs in so often, one after the other: none holds a token of a key that was retired."""


async def rotations(run: Run) -> None:
    """Publish the next key, wait until everybody has it, sign with it, and retire the one before the last."""
    load = Load(run.shop, run.random, await run.skus(6, 1_000_000), Mix(clients=CLIENTS, think_seconds=THINK_SECONDS))
    chance, refused_after = Random(run.random.random()), list[float]()
    begun_at = run.shop.first_answers
    is_over = False

    async def rotate_all() -> None:
        nonlocal is_over
        for rotation in range(run.size):
            refused_after.append(await _rotate(run, f"{chance.randbytes(32).hex()}"))
            while run.shop.first_answers - begun_at < (rotation + 1) * REQUESTS_A_ROTATION:
                await asyncio.sleep(0.05)
        is_over = True

    async def keep_logging_in() -> None:
        while not is_over:
            for customer in [*run.shop.customers, run.shop.admin]:
                answer = await run.shop.log_in(customer)
                if answer.status == HTTPStatus.OK:
                    customer.token, customer.token_time = answer.body["accessToken"], monotonic()
                else:
                    run.findings.append(f"ROTATION: a login was answered with {answer}")
            await asyncio.sleep(LOG_IN_SECONDS)

    await beside(load.run(lambda _: is_over), beside(rotate_all(), keep_logging_in()))
    failures = dict(run.shop.first_failures)
    run.require(not failures, f"ROTATION: first responses failed: {failures}")
    late = [seconds for seconds in refused_after if seconds > KEYS_AGE_SECONDS_MAX]
    run.require(not late, f"ROTATION: a retired key was accepted for {max(late, default=0):.1f} s")
    run.figures |= {
        "first responses": run.shop.first_answers - begun_at,
        "failed": sum(failures.values()),
        "a retired key is refused everywhere after": f"{max(refused_after):.1f} s at most",
    }


async def _rotate(run: Run, secret: str) -> float:
    """One rotation; how long after its retirement the old key was refused everywhere."""
    old = run.mesh.process("auth").process.environment["JWT_SECRET"]
    token = (await run.shop.log_in(run.shop.customers[0])).body["accessToken"]
    await _configure(run, JWT_SECRET_NEXT=secret)
    await asyncio.sleep(KEYS_AGE_SECONDS_MAX)
    await _configure(run, JWT_SECRET=secret, JWT_SECRET_NEXT="", JWT_SECRET_PREVIOUS=old)
    await _until_tokens_are_new(run, since=monotonic())
    await _configure(run, JWT_SECRET_PREVIOUS="")
    since = monotonic()
    await until_refused(addresses_of(run.mesh), token, reason="TOKEN_INVALID")
    return monotonic() - since


async def _configure(run: Run, **keys: str) -> None:
    """Restart the replicas of auth one after the other with other keys; an empty one is taken away."""
    for name in REPLICAS:
        kept = run.mesh.process(name)
        environment = {**kept.process.environment, **keys}
        kept.process = replace(kept.process, environment={key: value for key, value in environment.items() if value})
        await run.mesh.restart(name)


async def _until_tokens_are_new(run: Run, since: float) -> None:
    """In production this takes as long as a token lives; here everybody has logged in again."""
    people = [*run.shop.customers, run.shop.admin]
    while min(person.token_time for person in people) <= since:
        await asyncio.sleep(0.05)


KEY_ROTATION = Scenario(
    "key-rotation",
    "the signing key rotated under load, two replicas of auth: 0 failed first responses; "
    "a retired key is refused everywhere within 60 s",
    "rotations",
    {"short": 1, "long": 10},
    rotations,
    replicas=2,
)

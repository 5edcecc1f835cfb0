"""Sessions of customers over two replicas of auth: they move on by one, and what has ended is good for nothing."""

import asyncio
from time import monotonic

from bench.audit import open_databases
from deploy.local.settings import SERVICES
from tests.faults.rig.mesh import Mesh
from tests.faults.rig.scenario import Run, Scenario
from tests.faults.rig.shop import Answer, Customer
from tests.refusals import until_refused

AT_ONCE = 100
REFRESHES_A_RACE = 3
RACES_A_KILL = 50
"""Redis is killed in one race of so many, at the moment of the revocation."""

HEARD_SECONDS_MAX = 2.0
"""The promise: so long after a revocation, or after the return of Redis, every replica refuses the session."""

NOBODY = Customer("nobody", "")


async def refreshes(run: Run) -> None:
    """One refresh token, used a hundred times at once: one step on, and everybody gets the same successor."""
    customer = run.shop.customers[0]
    async with open_databases(run.mesh.mongo_uri) as databases:
        for _ in range(run.size):
            token = (await run.shop.log_in(customer)).body["refreshToken"]
            answers = await asyncio.gather(*(_refresh(run, token) for _ in range(AT_ONCE)))
            successors = {answer.body.get("refreshToken", str(answer)) for answer in answers}
            run.require(len(successors) == 1, f"REFRESH: {AT_ONCE} at once were answered {sorted(successors)[:5]}")
            session = await databases["auth"]["sessions"].find_one({"_id": _session_id(token)})
            generation = session["generation"] if session else None
            run.require(generation == 2, f"REFRESH: a session is at generation {generation} after one step")
    run.figures |= {"refreshes": run.size * AT_ONCE}


async def revocations(run: Run) -> None:
    """Refreshes race with the end of their session, which some see through the loss of Redis."""
    heard, heard_after_return = list[float](), list[float]()
    for race in range(run.size):
        loses_redis = race % RACES_A_KILL == RACES_A_KILL - 1
        (heard_after_return if loses_redis else heard).append(await _race(run, race, loses_redis))
    for seconds in (heard, heard_after_return):
        late = [took for took in seconds if took > HEARD_SECONDS_MAX]
        run.require(not late, f"REVOCATION: {len(late)} were heard of after {max(late, default=0):.1f} s")
    run.figures |= {
        "heard of everywhere": _spread(heard),
        "heard of after the return of Redis": _spread(heard_after_return),
    }


async def _race(run: Run, race: int, loses_redis: bool) -> float:
    """End a session while it is refreshed; how long until every replica of every service had heard of it."""
    customer = run.shop.customers[race % len(run.shop.customers)]
    tokens = (await run.shop.log_in(customer)).body
    refreshing = [asyncio.create_task(_refresh(run, tokens["refreshToken"])) for _ in range(REFRESHES_A_RACE)]
    await asyncio.sleep(run.random.uniform(0, 0.02))
    if loses_redis:
        run.shop.journal.note("fault", kind="kill", process="redis")
        await run.mesh.process("redis").kill()
    since = monotonic()
    if race % 2:
        body, who = {"refreshToken": tokens["refreshToken"]}, NOBODY
        answer = await run.shop.definite("POST", "/api/auth/logout", who, body)
    else:
        who = Customer(customer.name, customer.email, token=tokens["accessToken"])
        answer = await run.shop.ask("POST", "/api/auth/logout-all", who, {})
    run.require(answer.status == 200, f"REVOCATION: it was answered with {answer}")
    got = [tokens, *(answer.body for answer in await asyncio.gather(*refreshing) if answer.status == 200)]
    for successor in {pair["refreshToken"] for pair in got}:
        again = await _refresh(run, successor)
        run.require(str(again) == "401 INVALID_REFRESH_TOKEN", f"REVOCATION: a refresh was answered with {again}")
    if loses_redis:
        await run.mesh.process("redis").wait_ready()
        since = monotonic()
    await asyncio.gather(*(until_refused(addresses_of(run.mesh), pair["accessToken"]) for pair in got))
    return monotonic() - since


async def _refresh(run: Run, token: str) -> Answer:
    return await run.shop.ask("POST", "/api/auth/refresh", NOBODY, {"refreshToken": token})


def addresses_of(mesh: Mesh) -> dict[str, list[str]]:
    """Where every replica of every service is."""
    return {name: [f"127.0.0.1:{port}" for port in mesh.settings.replica_ports(name)] for name in SERVICES}


def _session_id(refresh_token: str) -> str:
    return refresh_token.partition(".")[0]


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    times = sorted(seconds)
    return f"{len(times)} times, median {times[len(times) // 2]:.2f} s, longest {times[-1]:.2f} s"


REFRESHES = Scenario(
    "refreshes",
    "100 parallel refreshes of one token over two replicas of auth: one step on, the same successor for all",
    "rounds",
    {"short": 20, "long": 200},
    refreshes,
    replicas=2,
)

REVOCATIONS = Scenario(
    "revocations",
    "the end of a session racing its refreshes: no token works afterwards, anywhere, within 2 s; "
    "nor within 2 s of the return of a Redis that was killed",
    "races",
    {"short": 100, "long": 2_000},
    revocations,
    replicas=2,
)

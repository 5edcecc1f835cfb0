"""Every crash point of every service, in whole processes under load: whatever stops there, another goes on."""

import asyncio
from time import monotonic

from chassis.crash_points import reached_file
from tests.faults.points import all_points
from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.mesh import RIG_TIMES
from tests.faults.rig.scenario import Run, Scenario
from tests.faults.scenarios.chores import REFUSED_NAME, chores

STUCK_SECONDS_MAX = 60.0
"""A point that is not reached for so long is a finding."""

TIMES_MAX = 3
"""A point is armed for its first, second or third time: not everything may always crash right after the start."""

GROUPS = (("notifier", "auth"), ("orders",), ("inventory",))
"""Who crashes at the same time. While orders crashes again and again there is little that the notifier could reach."""

REPLICAS = 2
"""Of each service, which crash side by side: there is mostly somebody left to go on."""

LOOK_SECONDS = 0.05

CLIENTS = 4
THINK_SECONDS = 2.0
"""A little is always under way, and the machine has time to start what died."""

NOT_SWEPT_HERE = frozenset({"auth.store.set_role", "auth.store.add_users"})
"""The effects of an operator's commands, which are no process of the mesh. The sweep in process has them."""


async def sweep(run: Run) -> None:
    """The services crash at one point after the other, while customers and the admin are at work."""
    faults = run.mesh.aws.faults
    faults.mail_throttle_share, faults.mail_lost_answer_share, faults.unavailable_share = 0.05, 0.05, 0.05
    run.shop.journal.note("fault", kind="crash points")
    faults.refused_recipient = REFUSED_NAME
    # The last poison leaves the queue when it was received as often as the queue says.
    run.rest_seconds_max += run.mesh.aws.queue.receive_count_max * float(RIG_TIMES["VISIBILITY_SECONDS"])
    skus = await run.skus(6, 1_000_000)
    load = Load(
        run.shop, run.random, [*skus, *await run.skus(1, 20)], Mix(clients=CLIENTS, think_seconds=THINK_SECONDS)
    )
    lines = {service: _lines(run, names) for service, names in all_points().items()}
    is_over = False

    async def crash_all() -> None:
        nonlocal is_over
        for together in GROUPS:
            await asyncio.gather(*(_lead_through(run, service, lines[service]) for service in together))
        await run.mesh.wait_ready()
        run.killer.fault_is_over()
        is_over = True

    await beside(load.run(lambda _: is_over), beside(crash_all(), chores(run, load, skus, lambda: is_over)))
    crashes = {service: sum(len(_reached(run, name)) for name in _replicas(service)) for service in lines}
    run.figures |= {
        "points": {service: len(set(map(_point, of_service))) for service, of_service in lines.items()},
        "crashes": crashes,
        "orders": len(run.shop.accepted),
    }


def _lines(run: Run, names: list[str]) -> list[str]:
    lines = [
        f"{name} {run.random.randint(1, TIMES_MAX) if turn else 1}"
        for turn in range(run.size)
        for name in names
        if name.rpartition(":")[0] not in NOT_SWEPT_HERE
    ]
    run.random.shuffle(lines)
    return lines


def _point(line: str) -> str:
    return line.split(maxsplit=1)[0]


def _replicas(service: str) -> list[str]:
    return [service, *(f"{service}-{replica}" for replica in range(2, REPLICAS + 1))]


async def _lead_through(run: Run, service: str, lines: list[str]) -> None:
    """The replicas of a service crash side by side, each at its share of the points."""
    names = _replicas(service)
    shares = [lines[index :: len(names)] for index in range(len(names))]
    await asyncio.gather(*(_crash(run, name, share) for name, share in zip(names, shares, strict=True)))


async def _crash(run: Run, name: str, lines: list[str]) -> None:
    """Arm a process with points and watch it die at each of them."""
    run.mesh.crash_file(name).write_text("".join(f"{line}\n" for line in lines))
    await run.mesh.process(name).kill()
    reached, skipped, since = 0, 0, monotonic()
    while reached + skipped < len(lines):
        await asyncio.sleep(LOOK_SECONDS)
        if len(_reached(run, name)) > reached:
            reached, since = reached + 1, monotonic()
            run.mesh.process(name).hurry()
        elif monotonic() - since > STUCK_SECONDS_MAX:
            run.findings.append(f"CRASH: {lines[reached + skipped]} was not reached within {STUCK_SECONDS_MAX:.0f} s")
            skipped, since = skipped + 1, monotonic()
            await run.mesh.process(name).kill()


def _reached(run: Run, name: str) -> list[str]:
    reached = reached_file(run.mesh.crash_file(name))
    return reached.read_text().splitlines() if reached.exists() else []


CRASH_POINTS = Scenario(
    "crash-points",
    "crash-point sweep, whole processes: every point, and nothing lost or doubled",
    "times each point",
    {"short": 1, "long": 20},
    sweep,
    replicas=REPLICAS,
    loses_marks=True,
    refused_addresses=REFUSED_NAME,
)

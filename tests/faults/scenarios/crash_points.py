"""Every crash point of every service, in whole processes under load: whatever stops there, another goes on."""

import asyncio
from collections import Counter
from pathlib import Path
from time import monotonic

from chassis.crash_points import reached_file
from tests.faults.points import all_points
from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.scenario import Run, Scenario
from tests.faults.scenarios.chores import REFUSED_NAME, chores

STUCK_SECONDS_MAX = 60.0
"""A point that is not reached for so long is a finding."""

TIMES_MAX = 3
"""A point is armed for its first, second or third time: not everything may always crash right after the start."""

GROUPS = (("notifier", "auth"), ("orders",), ("inventory",))
"""Who crashes at the same time. While orders crashes again and again there is little that the notifier could reach."""

CLIENTS = 4
THINK_SECONDS = 2.0
"""A little is always under way, and the machine has time to start what died."""

NOT_SWEPT_HERE = frozenset({"auth.store.set_role"})
"""The effect of an operator's command, which is no process of the mesh. The sweep in process has it."""


async def sweep(run: Run) -> None:
    """The services crash at one point after the other, while customers and the admin are at work."""
    faults = run.mesh.aws.faults
    faults.mail_throttle_share, faults.mail_lost_answer_share, faults.unavailable_share = 0.05, 0.05, 0.05
    run.shop.journal.note("fault", kind="crash points")
    faults.refused_recipient = REFUSED_NAME
    skus = await run.skus(6, 1_000_000)
    load = Load(
        run.shop, run.random, [*skus, *await run.skus(1, 20)], Mix(clients=CLIENTS, think_seconds=THINK_SECONDS)
    )
    points = {service: _lines(run, names) for service, names in all_points().items()}
    is_over = False

    async def crash_all() -> None:
        nonlocal is_over
        for together in GROUPS:
            await asyncio.gather(*(_lead_through(run, service, points[service]) for service in together))
        is_over = True

    await beside(load.run(lambda _: is_over), beside(crash_all(), chores(run, skus, lambda: is_over)))
    reached = Counter({service: len(_reached(run.mesh.crash_file(service))) for service in points})
    run.figures |= {
        "points": {service: len(set(map(_point, lines))) for service, lines in points.items()},
        "crashes": dict(reached),
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


async def _lead_through(run: Run, service: str, lines: list[str]) -> None:
    """Arm a process with all points and watch it die at each of them."""
    file = run.mesh.crash_file(service)
    file.write_text("".join(f"{line}\n" for line in lines))
    await run.mesh.process(service).kill()
    done, since = 0, monotonic()
    while done < len(lines):
        await asyncio.sleep(0.1)
        reached = len(_reached(file))
        skipped = len([finding for finding in run.findings if finding.startswith(f"CRASH: {service}.")])
        if reached + skipped > done:
            done, since = reached + skipped, monotonic()
            run.mesh.process(service).hurry()
        elif monotonic() - since > STUCK_SECONDS_MAX:
            run.findings.append(f"CRASH: {lines[done]} was not reached within {STUCK_SECONDS_MAX:.0f} s")
            await run.mesh.process(service).kill()


def _reached(file: Path) -> list[str]:
    reached = reached_file(file)
    return reached.read_text().splitlines() if reached.exists() else []


CRASH_POINTS = Scenario(
    "crash-points",
    "crash-point sweep, whole processes: every point, and nothing lost or doubled",
    "times each point",
    {"short": 1, "long": 20},
    sweep,
)

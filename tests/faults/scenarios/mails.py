"""Mails: none is lost; one repeats only when SES accepted it and its answer or our mark was lost."""

import asyncio

from tests.faults.rig.load import Load, Mix, beside
from tests.faults.rig.mesh import RIG_TIMES
from tests.faults.rig.scenario import Run, Scenario

MAILS_A_KILL = 100
NOTIFIERS = ("notifier", "notifier-2")
FREEZE_SECONDS = float(RIG_TIMES["NOTIFICATION_LEASE_SECONDS"]) + 1.5
"""Longer than a lease: the other one sends what this one was about to send."""

THINK_SECONDS = 3.0
"""So that mails are sent while SES is unruly, and not when all is over."""

LOOK_SECONDS = 0.05


async def unruly_mail(run: Run) -> None:
    """SES loses answers, throttles, breaks and is slow, and the notifier is killed and frozen meanwhile."""
    faults = run.mesh.aws.faults
    faults.mail_lost_answer_share = 0.03
    faults.mail_cut_before_share = 0.02
    faults.mail_unavailable_share = 0.02
    faults.mail_throttle_share = 0.02
    faults.mail_delay_seconds = 0.1
    run.shop.journal.note("fault", kind="ses")
    mix = Mix(twins=0, other_bodies=0, looks=0, think_seconds=THINK_SECONDS)
    load = Load(run.shop, run.random, await run.skus(6, 1_000_000), mix)
    kills = max(1, run.size // MAILS_A_KILL)
    done = run.killer.done

    async def kill_and_freeze() -> None:
        while (killed := sum(done.counted.values())) < kills:
            if len(run.mesh.aws.mails) < killed * MAILS_A_KILL:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            await run.mesh.wait_ready()
            await run.killer.kill(run.random.choice(NOTIFIERS))
            await run.mesh.wait_ready()
            await run.killer.freeze(run.random.choice(NOTIFIERS), FREEZE_SECONDS)

    def is_enough(_: int) -> bool:
        return len(run.mesh.aws.mails) >= run.size and sum(done.counted.values()) >= kills

    await beside(load.run(is_enough), kill_and_freeze())
    run.figures |= {
        "orders": len(run.shop.accepted),
        "kills": str(done),
        "injected": dict(run.mesh.aws.injected),
    }


MAILS = Scenario(
    "mails",
    "mails, with SES losing answers, two notifiers killed and frozen: 0 lost; repeats only in the two windows",
    "mails",
    {"short": 300, "long": 2_000},
    unruly_mail,
    replicas=2,
    settings={f"{name}_REPLICAS": "1" for name in ("AUTH", "ORDERS", "INVENTORY", "GATEWAY")},
)

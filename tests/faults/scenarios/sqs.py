"""A queue that duplicates, re-orders, forgets that something was deleted, brings it back, and answers badly."""

from tests.faults.rig.load import Mix
from tests.faults.rig.scenario import Run, Scenario


async def unruly_queue(run: Run) -> None:
    """Orders through a queue that does all that SQS allows itself, and more."""
    faults = run.mesh.aws.faults
    faults.duplicate_share = 0.2
    faults.reorder_window = 50
    faults.lost_delete_share = 0.1
    faults.resurrect_share = 0.02
    faults.failed_entry_share = 0.05
    faults.cut_before_share = faults.cut_after_share = 0.02
    faults.unavailable_share = faults.throttle_share = 0.02
    faults.delay_seconds = 0.05
    run.shop.journal.note("fault", kind="sqs")
    load = await run.load(await run.skus(6, 1_000_000), lambda number: number >= run.size, Mix(twins=0, other_bodies=0))
    run.figures |= {
        "orders": len(run.shop.accepted),
        "answers": dict(load.answers),
        "injected": dict(run.mesh.aws.injected),
    }


SQS = Scenario(
    "sqs",
    "SQS: duplicates 20 %, re-order window 50, acknowledgement of delete lost 10 %, resurrect 2 %: "
    "0 double effects, 0 lost",
    "events",
    {"short": 500, "long": 10_000},
    unruly_queue,
)

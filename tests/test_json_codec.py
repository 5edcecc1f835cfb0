"""The measurement of the gateway's JSON, in one round: it measures the same work twice, and says what it found."""

import asyncio
import re
import sys
from pathlib import Path

from bench.json_codec import LINES, PAGE, cases

ROOT = Path(__file__).parent.parent


async def test_it_prints_what_each_takes_and_their_ratio() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.json_codec", "--rounds", "1"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    lines = re.findall(r"^((?:read|write) .*?) +([0-9.]+) +([0-9.]+) +([0-9.]+)$", output.decode(), re.MULTILINE)
    assert [name for name, *_ in lines] == [case.name for case in cases()]
    assert all(abs(float(theirs) / float(ours) - float(ratio)) < 0.2 for _, ours, theirs, ratio in lines)
    assert process.returncode in (0, 1)


def test_both_do_the_same_work() -> None:
    work = {case.name: (case.ours(), case.theirs()) for case in cases()}

    for ours, theirs in work.values():
        assert type(ours) is type(theirs)
    ours, theirs = work[f"read page of {PAGE}"]
    assert ours == theirs
    assert (len(ours.orders), len(ours.orders[0].items)) == (PAGE, LINES)

"""The measurement of refused logins, with a few tries: it measures, and says what it found."""

import asyncio
import re
import sys
from pathlib import Path

from bench.login_timing import Timing

ROOT = Path(__file__).parent.parent


async def test_it_prints_both_medians_and_their_difference() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.login_timing", "--tries", "3"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    unknown, wrong, difference = [float(number) for number in re.findall(r"([0-9.]+) ms(?: of 3|,)", output.decode())]
    assert abs(abs(unknown - wrong) - difference) < 0.002
    assert process.returncode in (0, 1)


def test_it_does_not_matter_which_takes_longer() -> None:
    assert Timing(30, 32).difference_ms == Timing(32, 30).difference_ms == 2

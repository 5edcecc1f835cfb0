"""The measurement of traces runs."""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


async def test_what_traces_cost_is_measured() -> None:
    measuring = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.traces", "--rounds", "1", "--share", "0.02"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )

    printed, _ = await measuring.communicate()

    assert measuring.returncode == 0
    figures = [line.split()[-2] for line in printed.decode().splitlines()]
    assert len(figures) == 7
    assert all(float(figure) > 0 for figure in figures)

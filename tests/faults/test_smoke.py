"""A small run of the fault suite for every `make test`: kills under load, and the audit."""

from pathlib import Path
from random import SystemRandom

from tests.faults.rig.runner import run_scenario
from tests.faults.scenarios.kills import KILLS


async def test_ten_kills_under_load_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    result = await run_scenario(KILLS, "smoke", SystemRandom().randrange(10**6), (1, 1), tmp_path)

    print(result)  # noqa: T201 - with its seed, for whoever has to look into it
    assert result.findings == [], f"seed {result.seed}"

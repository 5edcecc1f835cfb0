"""``python -m tests.faults PROFILE``: the fault suite, scenario after scenario, each on a mesh of its own."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import SystemRandom

import uvloop

from deploy.local.environments import reach_this_machine_directly
from tests.faults.rig.results import Result, write_result
from tests.faults.rig.runner import run_scenario
from tests.faults.rig.scenario import Profile, Scenario
from tests.faults.scenarios import SCENARIOS

STATE = Path(".local/faults")
RESULTS = Path("bench/results/faults")
"""Of long runs; docs/RELIABILITY.md is made from them."""

BUDGET_SECONDS: Mapping[Profile, float] = {"short": 20 * 60, "long": 4 * 60 * 60}
"""All scenarios of a profile on two cores; a shard has its part of it."""


def main() -> int:
    """Run what the arguments say; returns the exit code."""
    arguments = _arguments()
    reach_this_machine_directly()
    chosen = [s for s in SCENARIOS if arguments.profile in s.sizes and (not arguments.only or s.name in arguments.only)]
    sys.stdout.write(f"seed {arguments.seed}, shard {arguments.shard[0]}/{arguments.shard[1]}\n")
    if arguments.size is not None:
        chosen = [replace(scenario, sizes={arguments.profile: arguments.size}) for scenario in chosen]
    is_published = arguments.profile == "long" and arguments.size is None
    kept = RESULTS if is_published else STATE / "results"
    results = [_run(scenario, arguments.profile, arguments.seed, arguments.shard, kept) for scenario in chosen]
    broken = [result.scenario for result in results if result.findings]
    seconds = sum(result.seconds for result in results)
    budget_seconds = BUDGET_SECONDS.get(arguments.profile, seconds) / arguments.shard[1]
    over = f", OVER its budget of {budget_seconds:.0f} s" if seconds > budget_seconds else ""
    sys.stdout.write(f"{len(results) - len(broken)} passed, {len(broken)} failed, {seconds:.0f} s{over}\n")
    return 1 if broken else 0


def _run(scenario: Scenario, profile: Profile, seed: int, shard: tuple[int, int], kept: Path) -> Result:
    result = uvloop.run(run_scenario(scenario, profile, seed, shard, STATE))
    write_result(result, kept)
    sys.stdout.write(f"{result}\n")
    sys.stdout.flush()
    return result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("profile", choices=("smoke", "short", "long"))
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--shard", type=_shard, default=(1, 1), help="i/n: the i-th of n equal parts")
    parser.add_argument("--only", type=lambda names: names.split(","), help="names of scenarios, comma-separated")
    parser.add_argument("--size", type=int, help="so much of each scenario, instead of what the profile says")
    return parser.parse_args()


def _shard(text: str) -> tuple[int, int]:
    index, count = (int(part) for part in text.split("/"))
    if not 1 <= index <= count:
        raise argparse.ArgumentTypeError(f"{text} is not a shard")
    return index, count


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.faults.bite.run SCENARIO``: one scenario, in a copy of the tree and with its code."""

import argparse
import sys
from pathlib import Path

import uvloop

from deploy.local.environments import reach_this_machine_directly
from tests.faults.bite.bites import BITES
from tests.faults.bite.copies import RESULTS
from tests.faults.rig.results import write_result
from tests.faults.rig.runner import run_scenario


def main() -> int:
    """Run it and keep the result; whether it passed is for others to say."""
    scenarios = {bite.scenario.name: bite.scenario for bite in BITES}
    parser = argparse.ArgumentParser(prog="python -m tests.faults.bite.run", description=__doc__)
    parser.add_argument("scenario", choices=scenarios)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    reach_this_machine_directly()
    state = Path(RESULTS).parent
    result = uvloop.run(run_scenario(scenarios[arguments.scenario], "short", arguments.seed, (1, 1), state))
    write_result(result, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())

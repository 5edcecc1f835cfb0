"""Copies of the tree with a patch applied, and runs of a scenario in them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.environments import ROOT
from tests.faults.rig.results import Result, read_results
from tests.faults.rig.scenario import Scenario

RUN_SECONDS_MAX = 300.0
RESULTS = Path(".local/faults/results")
"""Where a run in a copy leaves its result, in the copy."""


class BiteError(Exception):
    """A bite that says nothing: its patch does not apply, or its run did not come to an end. The message says why."""


def copy_tree(target: Path) -> None:
    """Copy what git knows or would know to ``target``, as it is in the working tree now."""
    shutil.rmtree(target, ignore_errors=True)
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listing.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():  # what was removed and not committed is still listed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def apply_patch(patch: Path, tree: Path, *, only_check: bool = False) -> None:
    """Apply ``patch`` to ``tree``, or see whether it would apply.

    :raises BiteError: when it does not.
    """
    # Without the ceiling git would find the repository around the copy and skip what is not in it.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.resolve().parent)}
    done = subprocess.run(  # noqa: S603
        ["git", "apply", *(["--check"] if only_check else []), str(patch)],  # noqa: S607
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BiteError(f"{patch.name} does not apply any more: {done.stderr.strip()}")


def run_in(tree: Path, scenario: Scenario, seed: int) -> Result:
    """Run a scenario with the code of ``tree``.

    :raises BiteError: when it leaves no result.
    """
    command = [sys.executable, "-m", "tests.faults.bite.run", scenario.name, "--seed", str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    try:
        subprocess.run(command, cwd=tree, env=environment, check=False, timeout=RUN_SECONDS_MAX)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise BiteError(f"{scenario.name} took more than {RUN_SECONDS_MAX:.0f} s") from error
    results = read_results(tree / RESULTS)
    if not results:
        raise BiteError(f"{scenario.name} left no result")
    return results[0]

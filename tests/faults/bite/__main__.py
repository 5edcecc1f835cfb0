"""``python -m tests.faults.bite``: plants each bug in a copy of the tree and sees whether the audit finds it."""

import argparse
import shutil
import sys
from pathlib import Path
from random import SystemRandom
from time import monotonic

from tests.faults.bite.bites import BITES, Bite
from tests.faults.bite.copies import BiteError, apply_patch, copy_tree, run_in
from tests.faults.rig.scenario import Scenario

COPIES = Path(".local/faults/bite").resolve()
SHOWN_MAX = 5
"""Findings that are printed of a run that did not say what it should."""


def main() -> int:
    """Run what the arguments say; returns the exit code."""
    arguments = _arguments()
    begun = monotonic()
    bites = [bite for bite in BITES if not arguments.only or bite.name in arguments.only]
    _say(f"seed {arguments.seed}")
    clean = {scenario.name for scenario in _scenarios(bites) if _is_clean(scenario, arguments.seed)}
    bitten = [bite.name for bite in bites if bite.scenario.name in clean and _bites(bite, arguments.seed)]
    _say(f"{len(bitten)} of {len(bites)} bugs were found, {monotonic() - begun:.0f} s")
    return 0 if len(bitten) == len(bites) else 1


def _is_clean(scenario: Scenario, seed: int) -> bool:
    """Whether the scenario finds nothing without a bug. A line that is red anyway proves nothing."""
    tree = COPIES / f"control-{scenario.name}"
    try:
        copy_tree(tree)
        result = run_in(tree, scenario, seed)
    except BiteError as error:
        _say(f"control {scenario.name}: {error}")
        return False
    is_clean = not result.findings
    _say(f"control {scenario.name}: {'clean' if is_clean else 'NOT CLEAN'}, {result.seconds:.0f} s")
    _end(tree, result.findings, is_kept=not is_clean)
    return is_clean


def _bites(bite: Bite, seed: int) -> bool:
    """Whether the audit finds the bug, in the words that were foretold."""
    tree = COPIES / bite.name
    try:
        copy_tree(tree)
        apply_patch(bite.patch, tree)
        result = run_in(tree, bite.scenario, seed)
    except BiteError as error:
        _say(f"{bite.name}: {error}")
        return False
    red = bite.red_lines(result.findings)
    _say(
        f"{bite.name}: {'found' if red else 'NOT FOUND'}, {bite.scenario.name}, {result.seconds:.0f} s, "
        f"{len(red)} of {len(result.findings)} findings are {bite.line!r}"
    )
    _end(tree, red[:1] or result.findings, is_kept=not red)
    return bool(red)


def _end(tree: Path, lines: list[str], *, is_kept: bool) -> None:
    """Show what was found; the copy stays, with logs and journal, when somebody has to look into it."""
    for line in lines[:SHOWN_MAX]:
        _say(f"  ! {line}")
    if is_kept:
        _say(f"  the copy is in {tree}")
    else:
        shutil.rmtree(tree)


def _scenarios(bites: list[Bite]) -> list[Scenario]:
    return list({bite.scenario.name: bite.scenario for bite in bites}.values())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.bite", description=__doc__)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--only", type=_names, help="names of bugs, comma-separated")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names, known = text.split(","), [bite.name for bite in BITES]
    if unknown := sorted(set(names) - set(known)):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}, only {', '.join(known)}")
    return names


if __name__ == "__main__":
    sys.exit(main())

"""The planted bugs of `make test-bite`: twelve, each a patch that still applies to production code."""

import re

import pytest

from bench.audit.checks import Check
from deploy.local.environments import ROOT
from tests.faults.bite.bites import BITES, PATCHES, Bite
from tests.faults.bite.copies import BiteError, apply_patch

BUGS = 12
PRODUCTION = ("services/", "chassis/")
TOUCHED = re.compile(r"^(?:---|\+\+\+) [ab]/(\S+)$", re.MULTILINE)
CHECKS = {*Check, "QUEUE"}
"""QUEUE is the rig's own: only it sees when a message is deleted."""

each_bite = pytest.mark.parametrize("bite", BITES, ids=lambda bite: bite.name)


def test_there_are_twelve_bugs_and_each_patch_is_one_of_them() -> None:
    names = sorted(bite.name for bite in BITES)

    assert len(set(names)) == BUGS
    assert sorted(patch.stem for patch in PATCHES.iterdir()) == names


@each_bite
def test_a_planted_bug_still_applies_to_the_tree(bite: Bite) -> None:
    apply_patch(bite.patch, ROOT, only_check=True)


@each_bite
def test_a_planted_bug_is_in_production_code_only(bite: Bite) -> None:
    touched = TOUCHED.findall(bite.patch.read_text())

    assert touched
    assert [path for path in touched if not path.startswith(PRODUCTION) or "/tests/" in path] == []


@each_bite
def test_the_line_that_must_turn_red_begins_with_the_name_of_a_check(bite: Bite) -> None:
    assert bite.line.partition(":")[0] in CHECKS
    assert not bite.line.startswith("*")


def test_a_patch_that_no_longer_applies_is_told_in_one_line() -> None:
    with pytest.raises(BiteError, match=r"no_status_guard\.patch does not apply any more: "):
        apply_patch(next(bite.patch for bite in BITES if bite.name == "no_status_guard"), PATCHES, only_check=True)

"""``make test``: the parts of the test suite one after the other, each with its time and its budget."""

import subprocess
import sys
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True)
class Part:
    """Some tests and how long they may take on two cores."""

    name: str
    arguments: tuple[str, ...]
    budget_seconds: float


STACK_TESTS = "deploy/local/tests/test_stack.py"
"""Tests of the local stack that need all of it, like those of ``tests/e2e``."""

THREE_AT_ONCE = ("--numprocesses=3", "--dist=loadfile")
"""Half of the time of the unit tests is waiting: for a lost connection to be noticed, for a lease to end. So two cores
do three."""

ELSEWHERE = tuple(
    f"--ignore={path}" for path in (STACK_TESTS, "tests/e2e", "tests/faults", "tests/k8s", "tests/scaling")
)
"""Other parts have these; ``make k8s`` and ``make test-scaling`` the last two."""

PARTS = (
    Part("unit", (*THREE_AT_ONCE, *ELSEWHERE), 180),
    Part("e2e", (STACK_TESTS, "tests/e2e"), 180),
    Part("faults", ("tests/faults",), 180),
)


def main() -> int:
    """Run every part, also after one that failed; returns the first exit code that is not 0."""
    results = [(part, *_run(part)) for part in PARTS]
    for part, code, seconds in results:
        verdict = "passed" if code == 0 else f"FAILED (pytest's exit code {code})"
        over = f", OVER its budget of {part.budget_seconds:.0f} s" if seconds > part.budget_seconds else ""
        sys.stdout.write(f"{part.name:<6} {seconds:6.1f} s  {verdict}{over}\n")
    return next((code for _, code, _ in results if code), 0)


def _run(part: Part) -> tuple[int, float]:
    begun = monotonic()
    command = [sys.executable, "-m", "pytest", "-q", *part.arguments]
    code = subprocess.run(command, check=False).returncode  # noqa: S603 - our own tests
    return code, monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())

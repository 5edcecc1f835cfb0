"""What becomes of a program that the local stack starts."""

import os
import subprocess
import sys

from deploy.local.process import BOUND

SHOW = "import os; print(os.getpgid(0) == os.getpid(), os.getsid(0), os.nice(0))"


def test_it_has_a_group_of_its_own_in_the_session_of_whoever_started_it() -> None:
    """Ctrl-C does not reach it, and its niceness counts among its siblings."""
    command = [sys.executable, "-IS", str(BOUND), str(os.getpid()), "5", sys.executable, "-c", SHOW]

    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - our own

    assert shown == ["True", str(os.getsid(0)), str(os.nice(0) + 5)]

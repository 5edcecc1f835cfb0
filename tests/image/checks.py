"""What must be true of an image before the mesh runs in it."""

import subprocess
from pathlib import Path

from tests.image.container import podman
from tests.image.terms import Terms

INSPECTION = Path(__file__).with_name("inspection.py")
ENDED_BY_SIGTERM = 143
END_SECONDS_MAX = 10.0
SLEEP = "import time; print('begun', flush=True); time.sleep(60)"


def problems_in(terms: Terms) -> list[str]:
    """What a process in the image finds there that should not be, and whether it can be ended while it starts.

    :raises subprocess.CalledProcessError: when no container can be run.
    """
    command = [*podman(terms), str(terms.image), "-c"]
    found = subprocess.run(  # noqa: S603 - ours
        [*command, INSPECTION.read_text()], stdout=subprocess.PIPE, text=True, check=True
    )
    return [*(f"in the image: {problem}" for problem in found.stdout.splitlines()), *_ends([*command, SLEEP])]


def _ends(command: list[str]) -> list[str]:
    """The first process of a container gets no signal that it does not handle."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as container:  # noqa: S603 - ours
        assert container.stdout is not None
        container.stdout.readline()
        container.terminate()
        try:
            code = container.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return ["SIGTERM does not end a process that has not come to handle it"]
    return [] if code == ENDED_BY_SIGTERM else [f"SIGTERM ends a process that just started with exit code {code}"]

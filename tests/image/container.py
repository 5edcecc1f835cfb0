"""What ``MESH_PYTHON`` names: runs a process of the mesh as a container, on the terms of its manifest.

``python -m tests.image.container TERMS -m services.orders`` becomes ``podman run``, which passes signals on and ends as
the container ends. When podman itself is killed, as the stack kills processes, the container is killed, too.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.environments import FROM_THE_SHELL
from tests.image.terms import USER, Terms, files_told, give_files_to_the_user
from tests.image.watcher import watch

LOCKED_DOWN = (
    *("--rm", "--read-only", "--read-only-tmpfs=false", "--user", f"{USER}:{USER}"),
    *("--cap-drop=all", "--security-opt=no-new-privileges", "--network=host", "--log-driver=none"),
)


def main() -> None:
    """Leave a watcher behind and become podman."""
    terms, arguments = Terms.read(Path(sys.argv[1])), sys.argv[2:]
    assert terms.image is not None
    process = terms.process(arguments)
    pid_file = terms.folder / f"{process}-{os.getpid()}.pid"
    give_files_to_the_user(os.environ)
    command = podman_run(terms, process, pid_file, os.environ)
    watch(terms, process, pid_file)
    os.execvp(command[0], [*command, *arguments])  # noqa: S606 - becoming podman is the point


def podman(terms: Terms) -> list[str]:
    """What begins every command, on whatever terms."""
    return ["podman", *terms.podman_flags, "run", *LOCKED_DOWN, *terms.run_flags]


def podman_run(terms: Terms, process: str, pid_file: Path, environment: Mapping[str, str]) -> list[str]:
    """The command but for Python's arguments. Values are handed on by name, so that no list of processes shows them."""
    memory = terms.memory_bytes[process]
    # What the shell says of this machine says nothing within an image.
    own = [key for key in environment if key not in FROM_THE_SHELL and not key.startswith("PYTHON")]
    return [
        *podman(terms),
        *(f"--memory={memory}", f"--memory-swap={memory}", f"--pidfile={pid_file}"),
        *(f"--env={key}" for key in own),
        *(f"--volume={folder}:{folder}:ro" for folder in sorted({file.parent for file in files_told(environment)})),
        str(terms.image),
    ]


if __name__ == "__main__":
    main()

"""What a process of the mesh is run on: its memory limit as the manifest has it, and where its figures are kept."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from deploy.local.environments import FROM_THE_SHELL

USER = 10001
"""uid and gid of every process, in the image as in the manifests."""

MESH = ("auth", "inventory", "orders", "notifier", "gateway")

_LIMITS = re.compile(r"limits:\s*(?:\{[^}]*?|(?:\n\s+\w+:[^\n]*)*?\n\s+)memory:\s*[\"']?(\d+)Mi")


@dataclass(frozen=True)
class Terms:
    """``image`` is what containers are made of; None when processes are confined without one.

    ``podman_flags`` and ``run_flags`` are what podman needs on this machine.
    """

    folder: Path
    memory_bytes: Mapping[str, int]
    image: str | None = None
    podman_flags: Sequence[str] = ()
    run_flags: Sequence[str] = ()

    def write(self) -> Path:
        """Write them down for the launchers; where."""
        path = self.folder / "terms.json"
        path.write_text(json.dumps(asdict(self) | {"folder": str(self.folder)}))
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """As they were written."""
        values = json.loads(path.read_text())
        return cls(**values | {"folder": Path(values["folder"])})

    def process(self, arguments: Sequence[str]) -> str:
        """Which process ``-m services.orders`` is."""
        return arguments[1].removeprefix("services.")


def memory_limits(manifests: Path) -> dict[str, int]:
    """The memory limit of each process in bytes, as its manifest has it.

    :raises ValueError: when one has none in whole MiB, or more than one.
    """
    return {process: _memory_limit(manifests / f"{process}.yaml") for process in MESH}


def _memory_limit(manifest: Path) -> int:
    found = set(_LIMITS.findall(manifest.read_text()))
    if len(found) != 1:
        raise ValueError(f"{manifest} has {len(found)} memory limits in Mi, not one")
    return int(found.pop()) << 20


def files_told(environment: Mapping[str, str]) -> Sequence[Path]:
    """What the process is told as files: its certificate, its secrets."""
    told = environment.keys() - set(FROM_THE_SHELL)
    return sorted(Path(environment[key]) for key in told if key.endswith("_FILE"))


def give_files_to_the_user(environment: Mapping[str, str]) -> None:
    """A test makes them as root, for root alone."""
    files = files_told(environment)
    for path in {*files, *(file.parent for file in files)}:
        os.chown(path, USER, USER)

"""Files of ``KEY=VALUE`` lines that a shell can read with ``.`` and people can read too."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

_NEEDS_NO_QUOTING = re.compile(r"[A-Za-z0-9_@%+=:,./?-]*")


def read_env_file(path: Path) -> dict[str, str]:
    """What the file says; nothing when it does not exist."""
    lines = shlex.split(path.read_text()) if path.exists() else []
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Write the file, for its owner's eyes only, in one step.

    Values of our own need no quoting; one that came from outside is quoted when it must be.
    """
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{key}={_quoted(value)}\n" for key, value in values.items())
    unfinished.replace(path)


def _quoted(value: str) -> str:
    return value if _NEEDS_NO_QUOTING.fullmatch(value) else shlex.quote(value)

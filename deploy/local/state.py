"""The directory that a stack keeps its state in: data, logs, process ids, secrets, addresses."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import StackError


class StateDirectory:
    """The files of one stack. ``.local`` in the repository is the usual one."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.env_file = self.path / "env"
        self.secrets_file = self.path / "secrets"
        self.libraries = self.path / "lib"
        self._lock_file = self.path / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the directory to oneself for the length of the block, whatever ends the process.

        The addresses of a stack are those of a running one, so they go with the block.

        :raises StackError: when another stack has it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock_file.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                owner = lock.read().strip() or "unknown"
                raise StackError(
                    f"a stack is already running in {self.path} (process {owner}): stop it first"
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                self.env_file.unlink(missing_ok=True)

    def begin(self) -> None:
        """Forget what the run before said: its addresses, its logs, its process ids."""
        self.env_file.unlink(missing_ok=True)
        for path in (*self.log_files(), *(self.path / "run").glob("*.pid")):
            path.unlink()

    def clear(self) -> None:
        """Remove everything but the lock, which the caller holds."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != self._lock_file:
                entry.unlink()

    def data(self, name: str) -> Path:
        """The directory that a store keeps its data in."""
        return _made(self.path / name)

    def log_file(self, name: str) -> Path:
        """The log of a process."""
        return _made(self.path / "logs") / f"{name}.log"

    def log_files(self) -> list[Path]:
        """The logs that there are."""
        return sorted((self.path / "logs").glob("*.log"))

    def pid_file(self, name: str) -> Path:
        """The file that names a process's id while it runs."""
        return _made(self.path / "run") / f"{name}.pid"

    def log_tail(self, name: str, lines: int) -> list[str]:
        """The last lines of a process's log."""
        path = self.log_file(name)
        return path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory

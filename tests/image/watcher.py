"""Watches one process of the mesh from outside: writes down what memory it has used, and lets it outlive nobody.

It is a child of what becomes the process (or its ``podman run``), and has no part in it.
"""

import json
import os
import select
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic

from tests.image.terms import Terms

LOOK_SECONDS = 0.2
START_SECONDS_MAX = 60.0


def watch(terms: Terms, process: str, pid_file: Path) -> None:
    """Begin to watch the process whose id will be in ``pid_file``; returns at once."""
    keeper = os.pidfd_open(os.getpid())
    if os.fork():
        os.close(keeper)
        return
    code = 1
    try:
        os.setsid()
        _watch(keeper, terms.folder / f"{process}-{os.getpid()}.json", process, pid_file)
        code = 0
    finally:
        os._exit(code)


def _watch(keeper: int, figures: Path, process: str, pid_file: Path) -> None:
    pid = _pid_of_the_process(keeper, pid_file)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        target = os.pidfd_open(pid)
        while not _has_ended(target, LOOK_SECONDS):
            if _has_ended(keeper, 0):
                signal.pidfd_send_signal(target, signal.SIGKILL)
                return
            with suppress(OSError):  # it ended meanwhile
                figures.write_text(json.dumps({"process": process, "pid": pid, **memory_of(pid)}))


def _pid_of_the_process(keeper: int, pid_file: Path) -> int | None:
    """None when it was never started. A container may come into being while its podman is already dead."""
    until = monotonic() + START_SECONDS_MAX
    while monotonic() < until:
        with suppress(FileNotFoundError):
            if text := pid_file.read_text().strip():
                return int(text)
        if _has_ended(keeper, LOOK_SECONDS):
            until = min(until, monotonic() + 10 * LOOK_SECONDS)
    return None


def memory_of(pid: int) -> dict[str, int]:
    """Bytes: its high-water mark and its share of memory (PSS), and the high-water mark of its cgroup if it has one."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    rollup = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    used = {"peak_rss": _kib(status["VmHWM"]), "pss": _kib(rollup["Pss"])}
    peak = cgroup_file(pid, "memory.max_usage_in_bytes", "memory.peak")
    return used | ({"peak_cgroup": int(peak.read_text())} if peak else {})


def cgroup_file(pid: int, name_v1: str, name_v2: str) -> Path | None:
    """A file of the memory cgroup that a process is in; None in the root or when there is no such file."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, place = line.split(":", 2)
        if place == "/" or controllers not in {"memory", ""}:
            continue
        root, name = ("/sys/fs/cgroup/memory", name_v1) if controllers else ("/sys/fs/cgroup", name_v2)
        path = Path(root + place) / name
        if path.exists():
            return path
    return None


def _kib(text: str) -> int:
    return int(text.removesuffix("kB")) << 10


def _has_ended(pidfd: int, seconds: float) -> bool:
    return bool(select.select([pidfd], [], [], seconds)[0])

"""Watches one process of the mesh from outside: writes down what memory it has used, and lets it outlive nobody.

It is a child of what becomes the process (or its ``podman run``), and has no part in it.
"""

import json
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from tests.image.terms import Terms

LOOK_SECONDS = 0.5
START_SECONDS_MAX = 60.0
ORPHAN_SECONDS_MAX = 5.0
"""A container may still come into being when its podman is already dead."""


def nothing() -> None:
    """What is to be done at the end when nothing is."""


def watch(terms: Terms, process: str, pid_file: Path, at_end: Callable[[], None] = nothing) -> None:
    """Begin to watch the process whose id will be in ``pid_file``; returns at once. At its end ``at_end`` is done."""
    keeper = os.pidfd_open(os.getpid())
    if os.fork():
        os.close(keeper)
        return
    code = 1
    try:
        os.setsid()
        _watch(keeper, terms.folder / f"{process}-{os.getpid()}.json", process, pid_file)
        at_end()
        code = 0
    finally:
        os._exit(code)


def _watch(keeper: int, figures: Path, process: str, pid_file: Path) -> None:
    pid = _pid_of_the_process(keeper, pid_file)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        target = os.pidfd_open(pid)
        while not (ended := _ended([target, keeper], LOOK_SECONDS)):
            with suppress(OSError):  # it ended meanwhile
                if has_begun(pid):
                    _replace(figures, {"process": process, "terms": terms_of(pid), **memory_of(pid)})
        if target not in ended:
            signal.pidfd_send_signal(target, signal.SIGKILL)
            _ended([target], None)


def _replace(path: Path, values: dict[str, object]) -> None:
    """In one step: somebody reads it meanwhile."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(values))
    unfinished.replace(path)


def _pid_of_the_process(keeper: int, pid_file: Path) -> int | None:
    """None when it was never started."""
    until = monotonic() + START_SECONDS_MAX
    while monotonic() < until:
        with suppress(FileNotFoundError):
            if text := pid_file.read_text().strip():
                return int(text)
        sleep(LOOK_SECONDS / 10)
        if _ended([keeper], 0):
            until = min(until, monotonic() + ORPHAN_SECONDS_MAX)
    return None


def has_begun(pid: int) -> bool:
    """Whether it is the process already, and no launcher any more."""
    return b"tests.image" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def terms_of(pid: int) -> str:
    """On what it really runs, as the kernel says."""
    status = _fields(Path(f"/proc/{pid}/status"))
    mounts = [line.split() for line in Path(f"/proc/{pid}/mounts").read_text().splitlines()]
    root = next((options for _, place, _, options, *_ in reversed(mounts) if place == "/"), "")
    limit = cgroup_file(pid, "memory.limit_in_bytes", "memory.max")
    return ", ".join(
        (
            f"uid {status['Uid'].split()[0]}",
            f"{'read-only' if 'ro' in root.split(',') else 'writable'} root",
            f"{'no' if int(status['CapEff'], 16) == 0 else 'some'} capabilities",
            "memory limited by a cgroup" if limit and _is_a_limit(limit.read_text()) else "memory in no cgroup",
        )
    )


def _is_a_limit(text: str) -> bool:
    """Version 1 says "no limit" by a number that no machine has, version 2 in a word."""
    return text.strip().isdecimal() and int(text) < 1 << 50


def memory_of(pid: int) -> dict[str, int]:
    """Bytes: its high-water mark and its share of memory (PSS), and the high-water mark of its cgroup if it has one."""
    status, rollup = _fields(Path(f"/proc/{pid}/status")), _fields(Path(f"/proc/{pid}/smaps_rollup"))
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


def _fields(path: Path) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition(":") for line in path.read_text().splitlines())}


def _kib(text: str) -> int:
    return int(text.removesuffix("kB")) << 10


def _ended(pidfds: list[int], seconds: float | None) -> list[int]:
    """Those of ``pidfds`` that have ended, after at most so many seconds."""
    return select.select(pidfds, [], [], seconds)[0]

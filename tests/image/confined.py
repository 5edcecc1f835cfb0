"""What ``MESH_PYTHON`` names where there is no image: runs a process of the mesh on the terms of its manifest.

``python -m tests.image.confined TERMS -m services.orders`` becomes that process. Its memory is limited by a cgroup
where one can be made, else by RLIMIT_DATA. Started by root it has a read-only root, and is the image's user when that
user can reach this Python.
"""

import ctypes
import os
import resource
import stat
import sys
from contextlib import suppress
from pathlib import Path

from tests.image.terms import USER, Terms, give_files_to_the_user
from tests.image.watcher import watch

CGROUPS = ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path("/sys/fs/cgroup"), "memory.max"))
"""Of version 1 and of version 2, and what the limit is called there."""

CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 1, 32, 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS = 38
"""See unshare(2), mount(2) and prctl(2)."""


def main() -> None:
    """Confine this process, leave a watcher behind, and become the process of the mesh."""
    terms, arguments = Terms.read(Path(sys.argv[1])), sys.argv[2:]
    process = terms.process(arguments)
    pid_file = terms.folder / f"{process}-{os.getpid()}.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    cgroup = f"ordermesh-{os.getpid()}"
    watch(terms, process, pid_file, at_end=lambda: remove_cgroup(cgroup))
    limit_memory(terms.memory_bytes[process], cgroup)
    if os.geteuid() == 0:
        give_files_to_the_user(os.environ)
        make_the_root_read_only()
        if can_be_reached(Path(sys.executable)):
            become_the_user()
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - becoming the process is the point


def limit_memory(limit_bytes: int, name: str) -> None:
    """Limit the memory of this process and of what it becomes."""
    for root, limit in CGROUPS:
        with suppress(OSError):
            (root / "cgroup.procs").stat()  # else it is a folder like any other
            (root / name).mkdir()
            (root / name / limit).write_text(str(limit_bytes))
            (root / name / "cgroup.procs").write_text(str(os.getpid()))
            return
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def remove_cgroup(name: str) -> None:
    """Remove it, now that nothing is in it."""
    for root, _ in CGROUPS:
        with suppress(OSError):  # it was made in one of them, or in none
            (root / name).rmdir()


def make_the_root_read_only() -> None:
    """In a mount namespace of its own.

    :raises OSError: when the kernel does not let us.
    """
    _call("unshare", CLONE_NEWNS)
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    _call("mount", b"none", b"/", None, MS_REMOUNT | MS_BIND | MS_RDONLY, None)


def can_be_reached(program: Path) -> bool:
    """Whether everybody can: a Python in somebody's home may be for them alone, and then it runs as they."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in program.resolve().parents)


def become_the_user() -> None:
    """Who is not root has no capabilities, and gets none."""
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()

"""Becomes another program, in a process group of its own, that the kernel kills when its parent dies (Linux).

Even by kill -9. Ctrl-C in a terminal goes to groups, so it reaches the parent only, who stops the program as it should
be. It is no session of its own: Linux shares the CPU between sessions first (sched_autogroup), and whatever is nice
would be nice to nobody but itself.

Run as ``python -IS bound.py PARENT_PID NICENESS PROGRAM ARGUMENT...``. It is a program of its own because
code between fork and exec is not safe in a process with threads.
"""

import os
import sys


def main() -> None:
    """Tie this process to its parent and become the program."""
    parent, niceness, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.setpgid(0, 0)
    if sys.platform == "linux":
        die_with_parent(parent)
    os.nice(niceness)
    os.execvp(program[0], program)  # nosec B606 # noqa: S606 - becoming that program is the point


def die_with_parent(parent: int) -> None:
    """See prctl(2). The setting outlives exec; a parent that died before it was made is seen here."""
    import ctypes  # noqa: PLC0415 - only Linux has prctl
    import signal  # noqa: PLC0415

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main()

"""What processes use: their memory, and their CPU over a while, as Linux tells it."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UTIME, _STIME = 11, 12
"""Among the fields of ``/proc/<pid>/stat`` behind the process's name (proc(5))."""


@dataclass(frozen=True)
class Usage:
    """One process: its resident memory at the end of the while, and how much of one core it took."""

    resident_mib: float
    cpu_percent: float


async def usage_over(seconds: float, pids: Mapping[str, int]) -> dict[str, Usage]:
    """What processes, by name, use in the next ``seconds``."""
    measuring = Meter(pids)
    await asyncio.sleep(seconds)
    return measuring.read()


class Meter:
    """Measures from now on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._begun = monotonic()
        self._before = {name: _cpu_seconds(pid) for name, pid in pids.items()}

    def read(self) -> dict[str, Usage]:
        """What was used until now."""
        seconds = monotonic() - self._begun
        return {
            name: Usage(_resident_mib(pid), 100 * (_cpu_seconds(pid) - self._before[name]) / seconds)
            for name, pid in self._pids.items()
        }


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 2**20

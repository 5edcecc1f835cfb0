"""What the watchers have written down, as a table, and whether it is within the limits."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from tests.image.terms import MESH

OF_LIMIT_MAX = 0.8
"""How much of its memory limit a process may ever have used."""

FRESH_SECONDS = 2.0
"""Figures that are older are those of a process that has ended."""

PSS_BYTES_MAX = 500 << 20
"""What the five processes together may use after load, shared pages counted once."""


@dataclass(frozen=True)
class Used:
    """In bytes: the most that a process has ever used, and its share of memory when all five were looked at."""

    peak: int
    pss: int


def read_figures(folders: Iterable[Path], shares: Mapping[str, int]) -> dict[str, Used]:
    """Of each process the worst of all that have run."""
    everything = [figures for folder in folders for figures in _figures(folder)]
    return {
        process: Used(
            max((peak_of(figures) for figures in everything if figures["process"] == process), default=0),
            shares.get(process, 0),
        )
        for process in MESH
    }


def shares_now(folder: Path) -> dict[str, int]:
    """The share of memory of each of the five, when they and no others run; shared pages count once in their sum."""
    since = time() - FRESH_SECONDS
    running = [json.loads(path.read_text()) for path in folder.glob("*-*.json") if path.stat().st_mtime > since]
    if sorted(figures["process"] for figures in running) != sorted(MESH):
        return {}
    return {figures["process"]: figures["pss"] for figures in running}


def read_terms(folders: Iterable[Path]) -> list[str]:
    """What the processes have run on, each of it once."""
    return sorted({figures["terms"] for folder in folders for figures in _figures(folder)})


def peak_of(figures: Mapping[str, Any]) -> int:
    """The higher of two: a cgroup is not charged for file pages that another one has read before, as on a fresh node
    it would be, and a process's own mark knows no kernel memory.
    """
    return max(int(figures.get("peak_cgroup", 0)), int(figures["peak_rss"]))


def _figures(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in folder.glob("*-*.json")]


def table(used: Mapping[str, Used], limits: Mapping[str, int]) -> str:
    """A line for each process, as Markdown."""
    lines = ["| process | memory limit | peak | of the limit | PSS after load |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {limits[name] >> 20} MiB | {used[name].peak >> 20} MiB "
        f"| {used[name].peak / limits[name]:.0%} | {used[name].pss >> 20} MiB |"
        for name in MESH
    ]
    return "\n".join([*lines, f"| all five | | | | {_sum(used.values()) >> 20} MiB |"])


def problems(used: Mapping[str, Used], limits: Mapping[str, int]) -> list[str]:
    """What is over its limit."""
    over = [f"{name} has not been seen" for name in MESH if used[name].peak == 0]
    over += [
        f"{name} has used {used[name].peak / limits[name]:.0%} of its memory limit, more than {OF_LIMIT_MAX:.0%}"
        for name in MESH
        if used[name].peak > OF_LIMIT_MAX * limits[name]
    ]
    if (together := _sum(used.values())) > PSS_BYTES_MAX:
        over.append(f"the five processes use {together >> 20} MiB together, more than {PSS_BYTES_MAX >> 20} MiB")
    return over


def _sum(used: Iterable[Used]) -> int:
    return sum(one.pss for one in used)

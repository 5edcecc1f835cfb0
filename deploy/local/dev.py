"""Restarting processes whose code changes."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from watchfiles import Change, PythonFilter, awatch

from deploy.local.environments import ROOT
from deploy.local.settings import SERVICES
from deploy.local.supervisor import Supervisor

FOLDERS = {"gateway": Path("gateway")} | {service: Path("services", service) for service in SERVICES}
SHARED = (Path("chassis"), Path("clients"))
"""What every process of the mesh runs code of."""


async def restart_changed(supervisor: Supervisor) -> None:
    """Restart what changes, until a process ends for good.

    :raises StackError: when starting that process again would not help.
    """
    tasks = [asyncio.create_task(_watch(supervisor)), asyncio.create_task(supervisor.wait_failed())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


async def _watch(supervisor: Supervisor) -> None:
    code = PythonFilter(extra_extensions=(".html", ".txt"))

    def matters(change: Change, path: str) -> bool:
        return code(change, path) and "tests" not in Path(path).parts

    async for changes in awatch(*(ROOT / folder for folder in (*SHARED, *FOLDERS.values())), watch_filter=matters):
        paths = sorted(Path(path).relative_to(ROOT) for _, path in changes)
        names = concerned(paths, supervisor.names)
        await asyncio.gather(*(supervisor[name].restart(f"{paths[0]} changed") for name in names))


def concerned(paths: Iterable[Path], names: Iterable[str]) -> list[str]:
    """Those of the processes ``names`` that run code of one of ``paths``, which are relative to the root."""
    changed = list(paths)

    def runs(name: str) -> bool:
        folder = FOLDERS.get(name.partition("-")[0])
        return folder is not None and any(path.is_relative_to(place) for path in changed for place in (*SHARED, folder))

    return [name for name in names if runs(name)]

"""Runs a scenario on a mesh of its own: safety while faults last, liveness when they are over, then the audit."""

import asyncio
import shutil
import subprocess
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic

import aiohttp

from chassis.background import running
from tests.faults.rig.emulator.faults import Faults
from tests.faults.rig.journal import open_journal
from tests.faults.rig.kills import Killer
from tests.faults.rig.mesh import Mesh, open_mesh
from tests.faults.rig.results import Result
from tests.faults.rig.scenario import Profile, Run, Scenario
from tests.faults.rig.shop import open_shop
from tests.faults.rig.verdict import audit, come_to_rest, watch_safety
from tests.faults.rig.versions import versions_of


async def run_scenario(scenario: Scenario, profile: Profile, seed: int, shard: tuple[int, int], state: Path) -> Result:
    """Run a shard of it in ``state``; the processes' logs and the journal stay there when there are findings."""
    begun, (index, count) = monotonic(), shard
    size = _share(scenario.sizes[profile], index, count)
    chance = f"{seed} {scenario.name} {index}/{count}"
    directory = state / scenario.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    figures: dict[str, object] = {}
    findings: list[str] = []
    versions: Mapping[str, str] = {}
    try:
        async with _opened(scenario, size, directory, chance) as run:
            figures, findings = run.figures, run.findings
            versions = await versions_of(run.mesh)
            await _put_through(scenario, run, directory)
    except Exception:  # a scenario that breaks is a finding, and the others run all the same
        findings.append(f"RIG: {traceback.format_exc()}")
    if findings:
        (directory / "findings").write_text("\n".join(findings) + "\n")
    else:
        shutil.rmtree(directory)
    return Result(
        scenario=scenario.name,
        promise=scenario.promise,
        profile=profile,
        seed=seed,
        shard=f"{index}/{count}",
        size=size,
        unit=scenario.unit,
        seconds=monotonic() - begun,
        figures=figures,
        findings=findings,
        commit=_commit(),
        date=datetime.now(UTC).date().isoformat(),
        versions=versions,
    )


@asynccontextmanager
async def _opened(scenario: Scenario, size: int, directory: Path, chance: str) -> AsyncIterator[Run]:
    async with (
        open_mesh(directory / "mesh", chance, replicas=scenario.replicas, settings=scenario.settings) as mesh,
        open_journal(directory / "journal") as journal,
        open_shop(mesh, journal, scenario.customers) as shop,
        aiohttp.ClientSession() as http,
    ):
        yield Run(size, mesh, shop, http, Random(chance), Killer(mesh, shop, http))


async def _put_through(scenario: Scenario, run: Run, directory: Path) -> None:
    looking = asyncio.create_task(watch_safety(run))
    async with running(looking):
        await scenario.body(run)
        if looking.done():
            await looking  # it never ends by itself: this raises why
    run.require("safety looks" in run.figures, "RIG: safety was never looked at")
    if not end_faults(run.mesh):
        run.killer.fault_is_over()
    await come_to_rest(run)
    await run.mesh.wait_ready()
    run.shop.journal.flush()
    await audit(run, scenario, directory / "journal")
    run.findings += run.shop.violations


def end_faults(mesh: Mesh) -> bool:
    """Whatever the scenario switched on is switched off; whether all of it was off already."""
    was_off = mesh.aws.faults == Faults()
    for setting in fields(Faults):
        setattr(mesh.aws.faults, setting.name, setting.default)
    for proxy in (mesh.mongo, mesh.redis):
        proxy.delay_seconds, proxy.cut_share, proxy.blackhole, proxy.refuse = 0.0, 0.0, False, False
    return was_off


def _share(size: int, index: int, count: int) -> int:
    """The ``index``-th of ``count`` parts of ``size``, the first ones larger by one when it cannot be equal."""
    return size // count + (1 if index <= size % count else 0)


def _commit() -> str:
    """The commit that runs, and whether the tree is another one; what runs leave in ``bench/results`` is no change."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results")
    return _git("rev-parse", "--short", "HEAD") + (" and changes" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603, S607

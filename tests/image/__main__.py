"""``make test-image`` and ``make test-limits``: the whole mesh on the terms of its manifests, its tests, and its load.

``image`` runs every process as a container of the image, ``limits`` as a process of this Python that is confined. Both
run the tests of the whole mesh, then a rush of orders, a flood of logins and many who watch; both say what memory the
processes have used, and fail when that is more than 80 % of a limit, or more than 500 MiB for all five together.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from deploy.image.build import build_command, read_source, run
from deploy.image.overlays import ImageName
from tests.image import base
from tests.image.checks import problems_in
from tests.image.report import problems, read_figures, read_terms, shares_now, table
from tests.image.terms import USER, Terms, memory_limits

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy/k8s/base"
IMAGE = "localhost/ordermesh:test"

PARTS = {
    "tests": (("pytest", "-q", "tests/e2e"),),
    "load": (
        ("bench",),
        ("bench.login_flood", "--rounds", "1", "--logins", "60", "--limits", "off"),
        ("bench.watchers",),
    ),
}
ONLY_LOAD = ("bench.login_flood", "bench.watchers")
"""They fail when somebody waits too long. That is another question than what memory it took to serve them."""

CONFINED = f"uid {USER}, read-only root, no capabilities, memory limited by a cgroup"

LOOK_SECONDS = 1.0
SKIPPED = 77
"""The exit code by which others know that nothing was tested."""


def main() -> int:
    """Run it; the exit code."""
    chosen = _options()
    if chosen.what == "image" and (missing := _missing(chosen.image)):
        _say(f"NOTHING IS TESTED: {missing}")
        return SKIPPED
    image = (chosen.image or _built()) if chosen.what == "image" else None
    folder = Path(mkdtemp(prefix="ordermesh-"))
    limits = memory_limits(chosen.manifests)
    podman_flags, run_flags = shlex.split(chosen.podman_flags), shlex.split(chosen.run_flags)
    failed = problems_in(Terms(folder, limits, image, podman_flags, run_flags)) if image else []
    shares: dict[str, int] = {}
    parts = {name: commands for name, commands in PARTS.items() if chosen.only in {None, name}}
    for part, commands in parts.items():
        terms = Terms(folder / part, limits, image, podman_flags, run_flags)
        not_passed = [command for command in commands if not _passes(command, terms, shares)]
        failed += [" ".join(command) for command in not_passed if command[0] not in ONLY_LOAD]
    folders = [folder / part for part in parts]
    seen = read_terms(folders)
    _say(f"\nThe processes ran with: {'; '.join(seen)}\n")
    used = read_figures(folders, shares)
    _say(table(used, limits))
    failed += problems(used, limits)
    if image and seen != [CONFINED]:
        failed.append(f"not all ran with: {CONFINED}")
    for problem in failed:
        _say(f"FAILED: {problem}")
    shutil.rmtree(folder)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.image", description=__doc__)
    parser.add_argument("what", choices=("image", "limits"))
    parser.add_argument("--image", help="this one; without it one is built, on a base that debootstrap makes")
    parser.add_argument("--only", choices=tuple(PARTS), help="leave the other part out")
    parser.add_argument("--manifests", type=Path, default=MANIFESTS, help="where each process has its memory limit")
    parser.add_argument("--podman-flags", default="", help="what podman needs here: --runtime=runc")
    parser.add_argument("--run-flags", default="", help="what podman run needs here: --ulimit=nofile=8192:8192")
    return parser.parse_args()


def _missing(image: str | None) -> str | None:
    if os.geteuid() != 0:
        return "only root can run containers with a memory limit and a network of this machine"
    programs = ("podman",) if image or base.is_there() else ("podman", "debootstrap")
    missing = [program for program in programs if shutil.which(program) is None]
    return f"there is no {' and no '.join(missing)} here (Debian: apt install {' '.join(missing)})" if missing else None


def _built() -> str:
    if not base.is_there():
        base.make()
    source = read_source(ROOT)
    run(build_command("podman", ImageName.parse(IMAGE), source, {**os.environ, "BASE": base.NAME}))
    return IMAGE


def _passes(command: Sequence[str], terms: Terms, shares: dict[str, int]) -> bool:
    """Run a module of ours with the mesh on these terms; ``shares`` become the highest that were seen."""
    launcher = "container" if terms.image else "confined"
    terms.folder.mkdir(exist_ok=True)
    runner = shlex.join([sys.executable, "-m", f"tests.image.{launcher}", str(terms.write())])
    _say(f"\n-- {' '.join(command)}")
    module = [sys.executable, "-m", *command]
    with subprocess.Popen(module, cwd=ROOT, env={**os.environ, "MESH_PYTHON": runner}) as running:  # noqa: S603 - ours
        while running.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                running.wait(LOOK_SECONDS)
            now = shares_now(terms.folder)
            if sum(now.values()) > sum(shares.values()):
                shares.update(now)
    return running.returncode == 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

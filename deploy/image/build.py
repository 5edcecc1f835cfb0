"""``make image IMAGE=registry/name:tag``: build the image with what there is, and name it in the overlays.

docker, podman and buildah are tried in this order; the first one that answers builds. What a builder needs here and
nowhere else is told by variables: ``BUILD_FLAGS`` are handed on as they are, ``BUILD_PIP_CONF`` and ``BUILD_CA`` name
a pip.conf and a CA for the way to a package index, and are secrets of the build: they are in no layer.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.image.overlays import ImageName, name_in_overlays

ROOT = Path(__file__).parents[2]
BUILDERS = {"docker": (("info",), ("buildx", "version")), "podman": (("info",),), "buildah": (("info",),)}
"""What is tried, in this order, and what each is asked first: docker needs a daemon, and buildx for secrets."""

ANSWER_SECONDS_MAX = 30.0
SECRETS = {"pip.conf": "BUILD_PIP_CONF", "ca.crt": "BUILD_CA"}


class CannotBuild(Exception):
    """There is no image. The message says why."""


@dataclass(frozen=True)
class Source:
    """What is built: the version of pyproject.toml and the commit, both for the labels."""

    version: str
    revision: str
    epoch_seconds: str
    url: str


def main() -> int:
    """Build, then name the image in the overlays; the exit code."""
    source = read_source(ROOT)
    try:
        image = ImageName.parse(os.environ.get("IMAGE") or f"ordermesh:{source.version}")
        builder = find_builder(os.environ)
        _say(f"building {image} with {builder}")
        run(build_command(builder, image, source, os.environ))
        changed = name_in_overlays(ROOT / "deploy/k8s/overlays", image)
    except (CannotBuild, ValueError) as error:
        sys.stderr.write(f"image: {error}\n")
        return 1
    for path in changed:
        _say(f"{path.relative_to(ROOT)} names {image}")
    return 0


def find_builder(environment: Mapping[str, str]) -> str:
    """The first builder that is there and works; ``BUILDER`` leaves no choice.

    :raises CannotBuild: saying of each why it does not.
    """
    wanted = environment.get("BUILDER")
    if wanted and wanted not in BUILDERS:
        raise CannotBuild(f"BUILDER={wanted} is none of {', '.join(BUILDERS)}")
    problems = []
    for name in (wanted,) if wanted else BUILDERS:
        if problem := _why_not(name):
            problems.append(f"{name}: {problem}")
        else:
            return name
    raise CannotBuild("nothing here builds images. " + "; ".join(problems))


def _why_not(builder: str) -> str | None:
    program = shutil.which(builder)
    if program is None:
        return "not installed"
    return next((problem for question in BUILDERS[builder] if (problem := _refusal([program, *question]))), None)


def _refusal(command: Sequence[str]) -> str | None:
    try:
        answer = subprocess.run(  # nosec B603 # noqa: S603 - one of the builders
            command, capture_output=True, text=True, timeout=ANSWER_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if answer.returncode == 0:
        return None
    return next(iter(reversed(answer.stderr.strip().splitlines())), f"exit code {answer.returncode}")


def read_source(root: Path) -> Source:
    """What there is to say of the tree at ``root``; of one without git the version alone."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    revision = _git(root, "rev-parse", "HEAD")
    changed = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    return Source(
        version=project["version"],
        revision=(revision + ("-changed" if changed else "")) if revision else "unknown",
        epoch_seconds=_git(root, "log", "-1", "--format=%ct") or "0",
        url=project.get("urls", {}).get("Repository", ""),
    )


def build_command(builder: str, image: ImageName, source: Source, environment: Mapping[str, str]) -> list[str]:
    """What builds ``image``.

    :raises CannotBuild: when a secret names no file.
    """
    labels = {
        "version": source.version,
        "revision": source.revision,
        "created": datetime.fromtimestamp(int(source.epoch_seconds), UTC).isoformat(),
        "source": source.url,
    }
    command = [builder, "build", "--file", "deploy/Dockerfile", "--tag", str(image)]
    for name, value in labels.items():
        command += ["--label", f"org.opencontainers.image.{name}={value}"] if value else []
    command += ["--build-arg", f"SOURCE_DATE_EPOCH={source.epoch_seconds}"]
    if base := environment.get("BASE"):
        command += ["--build-arg", f"BASE={base}"]
    for name, variable in SECRETS.items():
        if path := environment.get(variable):
            if not Path(path).is_file():
                raise CannotBuild(f"{variable}={path} is no file")
            command += ["--secret", f"id={name},src={path}"]
    if builder != "docker":
        command += ["--timestamp", source.epoch_seconds]
    return [*command, *shlex.split(environment.get("BUILD_FLAGS", "")), "."]


def run(command: Sequence[str]) -> None:
    """Run a builder where the Dockerfile is.

    :raises CannotBuild: when it fails.
    """
    buildkit = {**os.environ, "DOCKER_BUILDKIT": "1"}
    code = subprocess.run(command, cwd=ROOT, env=buildkit, check=False).returncode  # nosec B603 # noqa: S603 - see above
    if code:
        raise CannotBuild(f"{command[0]} ends with exit code {code}")


def _git(root: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    answer = subprocess.run(  # nosec B603 # noqa: S603 - asks git what it knows
        [git, "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

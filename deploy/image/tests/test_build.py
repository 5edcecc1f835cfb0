"""Which builder is taken, and what it is told."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.advisories import read_lock
from deploy.image.build import BUILDERS, ROOT, CannotBuild, Source, build_command, find_builder, read_source
from deploy.image.overlays import ImageName

IMAGE = ImageName("ordermesh", "1.0")
SOURCE = Source("1.0", "0" * 40, "1700000000", "")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, *, works: bool) -> None:
    program = folder / name
    program.write_text("#!/bin/sh\nexit 0\n" if works else f"#!/bin/sh\necho no {name} daemon >&2\nexit 1\n")
    program.chmod(0o755)


def test_the_first_builder_that_answers_is_taken(programs: Path) -> None:
    install(programs, "docker", works=False)
    install(programs, "podman", works=True)
    install(programs, "buildah", works=True)

    assert find_builder({}) == "podman"


def test_a_builder_that_is_asked_for_is_the_only_one_that_is_tried(programs: Path) -> None:
    install(programs, "podman", works=True)
    install(programs, "docker", works=False)

    with pytest.raises(CannotBuild, match="docker: no docker daemon"):
        find_builder({"BUILDER": "docker"})


def test_docker_without_buildx_is_passed_over(programs: Path) -> None:
    install(programs, "podman", works=True)
    docker = programs / "docker"
    docker.write_text('#!/bin/sh\nif [ "$1" = buildx ]; then echo "docker: no such command: buildx" >&2; exit 1; fi\n')
    docker.chmod(0o755)

    assert find_builder({}) == "podman"


def test_an_unknown_builder_is_refused() -> None:
    with pytest.raises(CannotBuild, match="BUILDER=make is none of docker, podman, buildah"):
        find_builder({"BUILDER": "make"})


def test_without_a_builder_each_is_said_to_be_missing(programs: Path) -> None:
    with pytest.raises(CannotBuild) as refused:
        find_builder({})

    assert all(f"{name}: not installed" in str(refused.value) for name in BUILDERS)


def test_the_builders_own_way_to_an_index_is_a_secret_and_only_when_asked(tmp_path: Path) -> None:
    certificate = tmp_path / "mirror.crt"
    certificate.touch()

    asked = build_command("podman", IMAGE, SOURCE, {"BUILD_CA": str(certificate), "PIP_CERT": "/other.crt"})
    not_asked = build_command("podman", IMAGE, SOURCE, {"PIP_CERT": "/other.crt", "PIP_INDEX_URL": "https://mirror"})

    assert asked[asked.index("--secret") + 1] == f"id=ca.crt,src={certificate}"
    assert "--secret" not in not_asked
    assert not any("mirror" in part or "other" in part for part in not_asked)


def test_a_secret_that_is_no_file_builds_nothing(tmp_path: Path) -> None:
    with pytest.raises(CannotBuild, match=r"BUILD_CA=.*missing is no file"):
        build_command("podman", IMAGE, SOURCE, {"BUILD_CA": str(tmp_path / "missing")})


def test_flags_are_handed_on_and_split_as_a_shell_does() -> None:
    command = build_command("buildah", IMAGE, SOURCE, {"BUILD_FLAGS": "--network=host --build-arg 'A=b c'"})

    assert command[-4:] == ["--network=host", "--build-arg", "A=b c", "."]


def test_the_labels_say_what_was_built() -> None:
    command = build_command("docker", IMAGE, SOURCE, {"BASE": "debian-python"})
    labels = [value for flag, value in pairwise(command) if flag == "--label"]

    assert labels == [
        "org.opencontainers.image.version=1.0",
        f"org.opencontainers.image.revision={'0' * 40}",
        "org.opencontainers.image.created=2023-11-14T22:13:20+00:00",
    ]
    assert "BASE=debian-python" in command


def test_a_tree_without_git_has_a_version_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ordermesh"\nversion = "9.9"\n')

    assert read_source(tmp_path) == Source("9.9", "unknown", "0", "")


def test_the_image_is_installed_from_a_part_of_the_lock_that_is_tested() -> None:
    tested, installed = ((ROOT / name).read_text() for name in ("requirements.lock", "deploy/requirements.lock"))

    assert set(read_lock(installed)) < set(read_lock(tested))
    assert all(hashes_of(installed, name) == hashes_of(tested, name) for name in names_in(installed))


def test_the_image_has_everything_that_the_processes_depend_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[^A-Za-z0-9_.-]", requirement)[0] for requirement in project["dependencies"]}

    assert wanted - {"ordermesh-client"} <= set(names_in((ROOT / "deploy/requirements.lock").read_text()))


def names_in(lock: str) -> list[str]:
    return [package.name for package in read_lock(lock)]


def hashes_of(lock: str, name: str) -> set[str]:
    found = re.search(rf"^{re.escape(name)}==.*\n((?: +--hash=.*\n?)+)", lock, re.MULTILINE)
    assert found, f"{name} has no hash"
    return set(re.findall(r"sha256:[0-9a-f]{64}", found[1]))

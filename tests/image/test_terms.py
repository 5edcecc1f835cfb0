"""What the processes of the mesh are run on, and what is said of what they used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.container import podman_run
from tests.image.report import Used, problems, read_figures, read_terms, shares_now, table
from tests.image.terms import MESH, Terms, memory_limits

MIB = 1 << 20
LIMITS = dict.fromkeys(MESH, 100 * MIB)
MODEST = dict.fromkeys(MESH, Used(peak=50 * MIB, pss=40 * MIB))


@pytest.mark.parametrize(
    "resources",
    [
        "resources:\n  requests: {cpu: 100m, memory: 64Mi}\n  limits: {memory: 256Mi}\n",
        "resources:\n  requests:\n    memory: 64Mi\n  limits:\n    cpu: '1'\n    memory: \"256Mi\"\n",
    ],
)
def test_a_memory_limit_is_read_from_the_manifest(tmp_path: Path, resources: str) -> None:
    for process in MESH:
        (tmp_path / f"{process}.yaml").write_text(resources)

    assert memory_limits(tmp_path) == dict.fromkeys(MESH, 256 * MIB)


def test_a_manifest_without_a_memory_limit_is_an_error(tmp_path: Path) -> None:
    for process in MESH:
        (tmp_path / f"{process}.yaml").write_text("resources:\n  requests: {memory: 64Mi}\n")

    with pytest.raises(ValueError, match=r"auth.yaml has 0 memory limits in Mi"):
        memory_limits(tmp_path)


def test_terms_are_read_as_they_were_written(tmp_path: Path) -> None:
    terms = Terms(tmp_path, LIMITS, "ordermesh:1", ["--runtime=runc"], ["--ulimit=nofile=1:1"])

    assert Terms.read(terms.write()) == terms


def test_a_container_is_told_what_its_process_is_told_and_no_list_of_processes_shows_it(tmp_path: Path) -> None:
    terms = Terms(tmp_path, LIMITS, "ordermesh:1")
    told = {
        "JWT_SECRET": "a-secret-that-nobody-sees",
        "TLS_KEY_FILE": "/tls/auth.key",
        "TLS_CA_FILE": "/tls/ca.crt",
        "PATH": "/usr/bin",
        "PYTHONPATH": "/somewhere",
        "SSL_CERT_FILE": "/etc/ssl/ca.crt",
    }

    command = podman_run(terms, "auth", tmp_path / "pid", told)

    assert "--env=JWT_SECRET" in command
    assert "a-secret-that-nobody-sees" not in " ".join(command)
    assert [part for part in command if part.startswith("--volume")] == ["--volume=/tls:/tls:ro"]
    assert not any("PATH" in part or "SSL_CERT_FILE" in part for part in command)
    assert f"--memory={100 * MIB}" in command
    assert command[-1] == "ordermesh:1"


def test_a_confined_process_ends_as_the_process_of_the_mesh_ends(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    terms = Terms(tmp_path, dict.fromkeys(MESH, 1 << 30)).write()

    ended = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", "tests.image.confined", str(terms), "-m", "services.orders"],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 78
    assert ended.stderr.startswith("configuration: MONGO_URI is missing")


def write(path: Path, **figures: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(figures))


def test_the_worst_of_a_process_counts_whatever_counted_it(tmp_path: Path) -> None:
    write(tmp_path / "tests/auth-1.json", process="auth", terms="uid 10001", peak_rss=1, peak_cgroup=70 * MIB)
    write(tmp_path / "tests/auth-2.json", process="auth", terms="uid 10001", peak_rss=90 * MIB, peak_cgroup=20 * MIB)
    write(tmp_path / "load/auth-3.json", process="auth", terms="uid 0", peak_rss=30 * MIB)
    folders = [tmp_path / "tests", tmp_path / "load"]

    used = read_figures(folders, {"auth": 25 * MIB})

    assert used["auth"] == Used(peak=90 * MIB, pss=25 * MIB)
    assert "gateway has not been seen" in problems(used, LIMITS)
    assert read_terms(folders) == ["uid 0", "uid 10001"]


def test_shares_are_those_of_one_moment_at_which_all_five_run_and_no_others(tmp_path: Path) -> None:
    for number, process in enumerate(MESH):
        write(tmp_path / f"{process}-1.json", process=process, pss=number)
    write(tmp_path / "auth-2.json", process="auth", pss=100)
    with_another = shares_now(tmp_path)
    os.utime(tmp_path / "auth-2.json", (0, 0))

    assert with_another == {}
    assert shares_now(tmp_path) == {process: number for number, process in enumerate(MESH)}


def test_what_is_within_its_limits_is_no_problem() -> None:
    at_the_edge = MODEST | {"auth": Used(peak=80 * MIB, pss=100 * MIB)}

    assert problems(MODEST, LIMITS) == []
    assert problems(dict.fromkeys(MESH, Used(80 * MIB, 100 * MIB)), LIMITS) == []
    assert "| auth | 100 MiB | 80 MiB | 80% | 100 MiB |" in table(at_the_edge, LIMITS)


def test_what_is_over_a_limit_is_named() -> None:
    over = MODEST | {"orders": Used(peak=80 * MIB + 1, pss=40 * MIB), "auth": Used(peak=1, pss=341 * MIB)}

    assert problems(over, LIMITS) == [
        "orders has used 80% of its memory limit, more than 80%",
        "the five processes use 501 MiB together, more than 500 MiB",
    ]

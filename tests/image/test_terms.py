"""What the processes of the mesh are run on, and what is said of what they used."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.container import podman_run
from tests.image.report import Used, problems, read_figures, read_terms, table
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
    terms = Terms(tmp_path, LIMITS).write()

    ended = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", "tests.image.confined", str(terms), "-m", "services.orders"],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 78
    assert ended.stderr.startswith("configuration: MONGO_URI is missing")


def test_the_worst_counts_and_shares_are_those_after_load(tmp_path: Path) -> None:
    seen = {
        "tests/auth-1": {
            "process": "auth",
            "terms": "uid 10001",
            "peak_rss": 1,
            "peak_cgroup": 70 * MIB,
            "pss": 60 * MIB,
        },
        "tests/auth-2": {
            "process": "auth",
            "terms": "uid 10001",
            "peak_rss": 90 * MIB,
            "peak_cgroup": 20 * MIB,
            "pss": 1,
        },
        "load/auth-3": {"process": "auth", "terms": "uid 10001", "peak_rss": 30 * MIB, "pss": 25 * MIB},
    }
    for name, figures in seen.items():
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(figures))

    used = read_figures(tmp_path / "tests", tmp_path / "load")

    assert used["auth"] == Used(peak=90 * MIB, pss=25 * MIB)
    assert read_terms(tmp_path / "tests", tmp_path / "load") == ["uid 10001"]
    assert "gateway has not been seen" in problems(used, LIMITS)


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

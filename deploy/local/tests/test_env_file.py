"""The file that tells people and scripts where everything is."""

import stat
import subprocess
from pathlib import Path

import pytest

from deploy.local.env_file import read_env_file, write_env_file

OURS = {"MONGO_URI": "mongodb://127.0.0.1:27117/?replicaSet=ordermesh", "DEMO_EMAIL": "demo@example.com"}


def test_our_own_values_need_no_quoting(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", OURS)

    assert (tmp_path / "env").read_text().splitlines() == [f"{key}={value}" for key, value in OURS.items()]


@pytest.mark.parametrize("value", [*OURS.values(), "mongodb://h/?a=1&b=2", "with space", "it's $HOME `id`", ""])
def test_a_shell_reads_every_value_as_it_is(tmp_path: Path, value: str) -> None:
    path = tmp_path / "env"
    write_env_file(path, {"KEY": value})

    shell = ["/bin/sh", "-c", f'. "{path}"; printf %s "$KEY"']
    by_shell = subprocess.run(shell, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed program

    assert by_shell.stdout == value
    assert read_env_file(path) == {"KEY": value}


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("OLD=1\n")

    write_env_file(path, {"ADMIN_PASSWORD": "correct-horse"})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_env_file(path) == {"ADMIN_PASSWORD": "correct-horse"}

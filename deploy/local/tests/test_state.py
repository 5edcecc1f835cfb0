"""The state directory: one stack at a time, and what is kept or forgotten."""

import os
from pathlib import Path

import pytest

from deploy.cluster.credentials import service_clients
from deploy.local.clean import clean
from deploy.local.credentials import kept_secrets
from deploy.local.errors import StackError
from deploy.local.state import StateDirectory


def test_a_second_stack_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    said = f"already running in {tmp_path} \\(process {os.getpid()}\\)"
    with (
        StateDirectory(tmp_path).locked(),
        pytest.raises(StackError, match=said),
        StateDirectory(tmp_path).locked(),
    ):
        pass

    with StateDirectory(tmp_path).locked():
        pass


def test_the_addresses_are_there_only_while_a_stack_runs(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)

    with state.locked():
        state.env_file.write_text("GATEWAY_URL=http://127.0.0.1:5000\n")

    assert not state.env_file.exists()


def test_a_new_run_begins_without_the_logs_and_process_ids_of_the_one_before(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.log_file("orders").write_text("yesterday\n")
    state.pid_file("orders").write_text("4711\n")
    state.env_file.write_text("PORT=1\n")

    state.begin()

    assert not state.log_files()
    assert not state.pid_file("orders").exists()
    assert not state.env_file.exists()


def test_clean_removes_everything(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / ".local")
    state.data("mongo").joinpath("journal").write_text("...")

    clean((state.path,))

    assert not state.path.exists()


def test_clean_is_refused_while_a_stack_runs(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / ".local")
    with state.locked():
        with pytest.raises(StackError, match="already running"):
            clean((state.path,))

        assert state.path.exists()


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = kept_secrets(StateDirectory(tmp_path))
    second = kept_secrets(StateDirectory(tmp_path))

    assert first == second
    assert len(bytes.fromhex(first["JWT_SECRET"])) == 32
    assert len(set(first.values())) == len(first)


def test_auth_is_told_hashes_and_no_secret_of_a_service(tmp_path: Path) -> None:
    secrets = kept_secrets(StateDirectory(tmp_path))

    told = service_clients(secrets)

    assert [entry.partition(":")[0] for entry in told.split(",")] == ["orders", "notifier", "gateway"]
    assert secrets["ORDERS_CLIENT_SECRET"] not in told

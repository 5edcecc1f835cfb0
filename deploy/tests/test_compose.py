"""``deploy/compose.yaml`` tells each process what it reads, and nothing that it does not read."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose_secrets import complete
from tests.test_environment import PROCESSES, keys_read_by

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/compose.yaml"

_INTERPOLATED = re.compile(r"\$\{(?P<key>[A-Z_]+):(?P<kind>[-?])(?P<text>[^}]*)\}")


@pytest.fixture
def compose(tmp_path: Path) -> dict[str, Any]:
    """The file as it is read with the secrets that ``make compose-env`` makes."""
    complete(tmp_path / ".env")
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())

    def value(match: re.Match[str]) -> str:
        assert match["kind"] == "-" or match["key"] in made, f"{match['key']} is asked for and not made"
        return made[match["key"]] if match["kind"] == "?" else match["text"]

    return dict(yaml.safe_load(_INTERPOLATED.sub(value, FILE.read_text())))


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_starts_with_what_it_is_told(compose: dict[str, Any], process: str) -> None:
    told = {key: value or "" for key, value in compose["services"][process]["environment"].items()}

    PROCESSES[process](told)

    assert told.keys() <= keys_read_by(PROCESSES[process])


@pytest.mark.parametrize("process", PROCESSES)
def test_addresses_name_services_of_the_file_that_share_a_network(compose: dict[str, Any], process: str) -> None:
    services = compose["services"]
    hosts = set(re.findall(r"://(?:/)?([a-z-]+)[:/]", str(services[process]["environment"])))

    assert hosts <= services.keys()
    assert all(set(services[host]["networks"]) & set(services[process]["networks"]) for host in hosts)


def test_every_container_is_locked_down(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["healthcheck"]["test"][0] == "CMD"


def test_memory_limits_are_those_of_the_cluster(compose: dict[str, Any]) -> None:
    in_cluster = {
        container["name"].replace("mongodb", "mongo"): container["resources"]["limits"]["memory"]
        for thing in yaml.safe_load_all((ROOT / "deploy/k8s/ordermesh.yaml").read_text())
        if thing["kind"] in {"Deployment", "StatefulSet"}
        for container in thing["spec"]["template"]["spec"]["containers"]
    }

    limits = {name: service["mem_limit"] for name, service in compose["services"].items()}

    assert limits == {name: limit.replace("Mi", "m") for name, limit in in_cluster.items()}


def test_nothing_is_reached_from_other_machines(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_the_one_that_is_built() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"${{IMAGE:-ordermesh:{version}}}" in FILE.read_text()


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / ".env"

    made, again = complete(path), complete(path)

    assert "JWT_SECRET" in made
    assert again == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_in_the_file_stays_and_auth_learns_of_a_new_secret(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    complete(path)
    before = path.read_text()
    path.write_text("# ours\nPORT=5001\n" + re.sub(r"ORDERS_CLIENT_SECRET=.*\n", "", before))

    made = complete(path)

    after = path.read_text()
    assert made == ["ORDERS_CLIENT_SECRET", "SERVICE_CLIENTS"]
    assert after.startswith("# ours\nPORT=5001\n")
    assert re.findall(r"JWT_SECRET=.*", after) == re.findall(r"JWT_SECRET=.*", before)
    assert re.findall(r"SERVICE_CLIENTS=.*", after) != re.findall(r"SERVICE_CLIENTS=.*", before)
    assert after.count("SERVICE_CLIENTS=") == 1

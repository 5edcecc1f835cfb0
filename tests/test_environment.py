"""Every key that a process reads is described, and every key that is described is read."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chassis.config import EXAMPLE_SECRET_PREFIX, ConfigError
from deploy.cluster.credentials import PASSWORDS
from deploy.local.settings import KEPT_IN_ISOLATION, Settings
from gateway.config import GatewayConfig
from services.auth.config import AuthConfig
from services.inventory.config import InventoryConfig
from services.notifier.config import NotifierConfig
from services.orders.config import OrdersConfig

ROOT = Path(__file__).parent.parent

PROCESSES = {
    "auth": AuthConfig.from_environment,
    "inventory": InventoryConfig.from_environment,
    "orders": OrdersConfig.from_environment,
    "notifier": NotifierConfig.from_environment,
    "gateway": GatewayConfig.from_environment,
}

REQUIRED = {
    "PORT",
    "MONGO_URI",
    "JWT_SECRET",
    "JWT_REFRESH_SECRET",
    "REDIS_HOST",
    "REDIS_PORT",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_SQS_QUEUE_URL",
    "AWS_SES_SENDER_EMAIL",
}


class Recording(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: set[str] = set()

    @property
    def asked(self) -> set[str]:
        """Without the other form that each key has, the name of a file."""
        return self._asked - {f"{key}_FILE" for key in self._asked}

    def get(self, key: str, default: Any = None) -> Any:
        self._asked.add(key)
        return super().get(key, default)


def keys_read_by(read: Any) -> set[str]:
    recording = Recording()
    with suppress(ConfigError):  # an empty environment lacks what must be there
        read(recording)
    return recording.asked


def keys_of_processes() -> set[str]:
    return set().union(*(keys_read_by(read) for read in PROCESSES.values()))


def test_the_required_keys_are_read() -> None:
    assert keys_of_processes() >= REQUIRED


def test_the_example_names_exactly_what_is_read() -> None:
    example = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    binaries = {key for key in KEPT_IN_ISOLATION if key.endswith("_BIN")}

    assert example == keys_of_processes() | keys_read_by(Settings.read) | binaries | set(PASSWORDS)


def test_the_readme_describes_every_key_of_the_processes() -> None:
    table = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", (ROOT / "README.md").read_text(), re.MULTILINE))

    assert table == keys_of_processes()


@pytest.mark.parametrize("process", PROCESSES)
def test_the_secrets_of_the_example_start_nothing(process: str) -> None:
    example = dict(re.findall(r"^#([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    secrets = {key for key in keys_read_by(PROCESSES[process]) if example[key].startswith(EXAMPLE_SECRET_PREFIX)}

    if secrets:
        with pytest.raises(ConfigError, match="|".join(secrets)):
            PROCESSES[process](example)


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_begins_with_a_part_of_tls(process: str) -> None:
    with pytest.raises(ConfigError, match=r"TLS_KEY_FILE is missing: .* go together"):
        PROCESSES[process]({"TLS_CERT_FILE": "/etc/tls/tls.crt", "TLS_CA_FILE": "/etc/tls/ca.crt"})

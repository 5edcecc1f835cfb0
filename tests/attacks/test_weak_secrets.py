"""No process starts with a secret that could be guessed."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from chassis.config import SECRET_BYTES_MIN, ConfigError
from chassis.process import EXIT_CONFIGURATION
from deploy.local.environments import ROOT
from services.auth.config import AuthConfig
from services.notifier.config import NotifierConfig
from services.orders.config import OrdersConfig

READERS: Mapping[str, Callable[[Mapping[str, str]], Any]] = {
    "auth": AuthConfig.from_environment,
    "orders": OrdersConfig.from_environment,
    "notifier": NotifierConfig.from_environment,
}
SECRETS = [
    ("auth", "JWT_SECRET"),
    ("auth", "JWT_SECRET_NEXT"),
    ("auth", "JWT_SECRET_PREVIOUS"),
    ("auth", "JWT_REFRESH_SECRET"),
    ("auth", "JWT_REFRESH_SECRET_PREVIOUS"),
    ("orders", "SERVICE_CLIENT_SECRET"),
    ("notifier", "SERVICE_CLIENT_SECRET"),
]
GOOD = {
    "MONGO_URI": "mongodb://127.0.0.1:1/?replicaSet=rs0",
    "JWT_SECRET": "j" * SECRET_BYTES_MIN,
    "JWT_REFRESH_SECRET": "r" * SECRET_BYTES_MIN,
    "SERVICE_CLIENTS": f"orders:{'0' * 64}",
    "SERVICE_CLIENT_ID": "orders",
    "SERVICE_CLIENT_SECRET": "s" * SECRET_BYTES_MIN,
    "AWS_SQS_QUEUE_URL": "http://127.0.0.1:1/queue",
    "AWS_SES_SENDER_EMAIL": "shop@example.com",
}

WEAK = ["hunter2", "h" * (SECRET_BYTES_MIN - 1), "\u00fc" * (SECRET_BYTES_MIN // 2 - 1) + "u", "change-me-" + "h" * 64]


@pytest.mark.parametrize(("process", "key"), SECRETS)
@pytest.mark.parametrize("weak", WEAK)
def test_a_weak_secret_stops_the_start(process: str, key: str, weak: str, tmp_path: Path) -> None:
    mounted = tmp_path / "secret"
    mounted.write_text(f"{weak}\n\n")

    for values in ({key: weak}, {key: "", f"{key}_FILE": str(mounted)}):
        with pytest.raises(ConfigError, match=f"(^|; ){key} ") as caught:
            READERS[process](GOOD | values)
        assert weak not in str(caught.value)


@pytest.mark.parametrize(("process", "key"), SECRETS)
@pytest.mark.parametrize("strong", ["h" * SECRET_BYTES_MIN, "\u00fc" * (SECRET_BYTES_MIN // 2)])
def test_a_secret_of_32_bytes_is_enough(process: str, key: str, strong: str) -> None:
    assert strong not in repr(READERS[process](GOOD | {key: strong}))


@pytest.mark.parametrize(("process", "key"), [("auth", "JWT_SECRET_PREVIOUS"), ("orders", "SERVICE_CLIENT_SECRET")])
def test_the_process_ends_with_one_line_that_does_not_show_it(process: str, key: str, tmp_path: Path) -> None:
    environment = GOOD | {key: "hunter2", "PYTHONPATH": f"{ROOT}:{ROOT / 'clients/python'}"}

    ended = subprocess.run(  # noqa: S603 - our own process
        [sys.executable, "-m", f"services.{process}"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == EXIT_CONFIGURATION
    assert ended.stderr == f"configuration: {key} must have at least {SECRET_BYTES_MIN} bytes\n"
    assert ended.stdout == ""

"""A process of the gateway: what it is told, how it starts and how it ends."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import httpx
import pytest

from chassis.config import ConfigError
from gateway.client_address import TrustedProxies
from gateway.config import GatewayConfig
from gateway.cors import NO_ORIGINS
from gateway.server import LAST_REQUEST_SECONDS

PATIENCE_SECONDS = 30
IDENTITY = {"SERVICE_CLIENT_ID": "gateway", "SERVICE_CLIENT_SECRET": "s" * 32}


def test_every_wrong_key_is_named() -> None:
    wrong = {
        "PORT": "http",
        "TRUSTED_PROXIES": "me",
        "CORS_ORIGINS": "me",
        "REQUEST_LIMIT_ADDRESS": "many",
        "REDIS_URL": "http://cache",
        "CONNECTIONS_MAX": "0",
        "LAME_DUCK_SECONDS": "0",
        "DRAIN_SECONDS": "-1",
    }
    with pytest.raises(ConfigError, match=" .*".join(wrong)):
        GatewayConfig.from_environment(IDENTITY | wrong)


@pytest.mark.parametrize("key", IDENTITY)
def test_the_gateway_says_who_it_is(key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key} "):
        GatewayConfig.from_environment({name: value for name, value in IDENTITY.items() if name != key})


def test_services_know_the_gateway_by_one_name_only() -> None:
    with pytest.raises(ConfigError, match=r"^SERVICE_CLIENT_ID must be gateway"):
        GatewayConfig.from_environment(IDENTITY | {"SERVICE_CLIENT_ID": "orders"})


def test_the_defaults_are_the_documented_ones() -> None:
    config = GatewayConfig.from_environment(IDENTITY)

    assert (config.listen_host, config.port) == ("0.0.0.0", 5000)  # noqa: S104 - it is the default
    assert (config.mesh.auth_address, config.orders_address) == ("dns:///localhost:50051", "dns:///localhost:50052")
    assert config.lame_duck_seconds + LAST_REQUEST_SECONDS + config.drain_seconds < 9.5, "with the rest, 10 s"
    assert (config.inventory_address, config.notifier_address) == ("dns:///localhost:50053", "dns:///localhost:50054")
    assert config.trusted_proxies == TrustedProxies()
    assert (config.cors_origins, config.request_limit.count, config.connections_max) == (NO_ORIGINS, None, 4096)


async def start_process(port: int, directory: Path) -> Process:
    environment = {**os.environ, **IDENTITY, "PORT": str(port), "LISTEN_HOST": "127.0.0.1", "LOG_FORMAT": "text"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", env=environment, cwd=directory, stderr=PIPE, stdout=PIPE
    )


async def test_a_taken_port_is_one_line_that_names_the_key(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await start_process(port, tmp_path)
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    assert process.returncode == 78
    assert errors.decode() == f"configuration: PORT: 127.0.0.1:{port} is taken, set another PORT\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await start_process(port, tmp_path)
    assert process.stderr is not None
    serving = await asyncio.wait_for(process.stderr.readline(), PATIENCE_SECONDS)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/healthz")

    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    assert b"serving on 127.0.0.1" in serving
    assert (answer.status_code, process.returncode) == (200, 0)
    assert b"Traceback" not in errors

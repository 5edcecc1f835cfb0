"""A watcher goes on whatever happens, and says over HTTP whether all is right."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from chassis.background import running
from chassis.config import ConfigError
from deploy.cluster import watch as watching
from deploy.cluster.watch import watch

SOON_SECONDS = 10.0


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(watching, "TRY_AGAIN_SECONDS", 0.01)


def status_of(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=SOON_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


async def until_ready_is(port: int, status: int) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        while await asyncio.to_thread(status_of, port, "/readyz") != status:
            await asyncio.sleep(0.01)


async def test_it_is_ready_while_all_is_right_and_alive_all_the_time(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    is_broken = True

    async def put_right() -> None:
        if is_broken:
            raise ConnectionError("the store is away")

    async with running(asyncio.create_task(watch("store", put_right, port))):
        await asyncio.sleep(0)
        await until_ready_is(port, 503)
        alive = [await asyncio.to_thread(status_of, port, "/healthz")]
        is_broken = False
        await until_ready_is(port, 200)
        is_broken = True
        await until_ready_is(port, 503)
        alive.append(await asyncio.to_thread(status_of, port, "/healthz"))

        assert alive == [200, 200]
        assert await asyncio.to_thread(status_of, port, "/metrics") == 404

    assert caplog.messages == [
        "store: ConnectionError: the store is away",
        "store: ready",
        "store: ConnectionError: the store is away",
    ]


async def test_what_goes_wrong_is_one_line_and_not_all_that_a_driver_knows(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def put_right() -> None:
        raise ConnectionError("x" * 1_000 + "\nand more")

    async with running(asyncio.create_task(watch("store", put_right, port))):
        await asyncio.sleep(0)
        await until_ready_is(port, 503)

    (line,) = caplog.messages
    assert line == f"store: {('ConnectionError: ' + 'x' * 1_000)[: watching.REASON_CHARACTERS_MAX]}"


async def test_a_round_that_hangs_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "ROUND_SECONDS_MAX", 0.05)
    rounds = 0

    async def put_right() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            await asyncio.Event().wait()

    async with running(asyncio.create_task(watch("store", put_right, port))):
        await asyncio.sleep(0)
        await until_ready_is(port, 200)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104 - health is served on every address
        yield other.getsockname()[1]


async def test_a_health_port_that_is_taken_is_said(taken_port: int) -> None:
    async def put_right() -> None:
        return

    with pytest.raises(ConfigError, match=rf"--health-port: cannot listen on port {taken_port}"):
        await watch("store", put_right, taken_port)

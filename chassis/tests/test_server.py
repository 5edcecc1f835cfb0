"""Starting a server: what is wrong with the configuration is said by its key, at once."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import grpc
import pytest

from chassis.config import ConfigError
from chassis.errors import PermissionDenied, Unauthenticated, to_status
from chassis.server import Application, ServerConfig, running_server, serve
from chassis.testing import TEST_SERVER, TestIssuer

SOON_SECONDS = 5.0


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@asynccontextmanager
async def nothing_to_serve() -> AsyncIterator[Application]:
    yield Application(services=(), verifier=TestIssuer().verifier)


async def started(config: ServerConfig) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        await serve(config, nothing_to_serve())


async def test_a_metrics_port_that_is_taken_is_said_by_its_key(taken_port: int) -> None:
    with pytest.raises(
        ConfigError, match=rf"^METRICS_PORT: cannot listen on 127\.0\.0\.1:{taken_port}: Address already in use"
    ):
        await started(replace(TEST_SERVER, metrics_port=taken_port))


async def test_a_port_that_is_taken_is_said_by_its_key(taken_port: int) -> None:
    with pytest.raises(
        ConfigError, match=rf"^GRPC_PORT: cannot listen on 127\.0\.0\.1:{taken_port}: Address already in use"
    ):
        await started(replace(TEST_SERVER, grpc_port=taken_port))


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("no-such-host.invalid", id="a name that nobody knows"),
        pytest.param("192.0.2.1", id="the address of another machine"),
    ],
)
async def test_a_host_that_is_not_this_machine_is_said_by_its_key(host: str) -> None:
    with pytest.raises(ConfigError, match=rf"^LISTEN_HOST: cannot listen on {host}:50999: \w+"):
        await started(replace(TEST_SERVER, listen_host=host, grpc_port=50_999))


def answer(code: grpc.StatusCode, trailing: grpc.aio.Metadata) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, "said by auth", "many\nlines")


async def prepare(error: grpc.aio.AioRpcError) -> int:
    """How often a step is tried that fails once."""
    tries = 0

    async def step() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise error

    application = Application(services=(), verifier=TestIssuer().verifier, prepare=[("auth", step)])
    async with asyncio.timeout(SOON_SECONDS), running_server(TEST_SERVER, application, "127.0.0.1:0"):
        return tries


@pytest.mark.parametrize("error", [Unauthenticated("who?"), PermissionDenied("not you")])
async def test_a_service_that_auth_does_not_know_does_not_wait_for_it(
    error: Unauthenticated | PermissionDenied,
) -> None:
    status = to_status(error)

    with pytest.raises(ConfigError) as caught:
        await prepare(answer(status.code, grpc.aio.Metadata(*status.trailing_metadata or ())))

    assert str(caught.value) == (
        f"SERVICE_CLIENT_ID or SERVICE_CLIENT_SECRET: auth does not know them ({error.reason})"
    )


async def test_a_service_waits_for_auth_while_it_is_down() -> None:
    assert await prepare(answer(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata())) == 2


async def test_a_loop_that_loses_its_cancellation_does_not_keep_the_process_for_ever() -> None:
    begun = asyncio.Event()

    async def loop() -> None:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    application = Application(services=(), verifier=TestIssuer().verifier, loops=[("a loop", loop)])
    config = replace(TEST_SERVER, drain_seconds=0.1)
    async with asyncio.timeout(SOON_SECONDS), running_server(config, application, "127.0.0.1:0"):
        await begun.wait()


async def test_a_process_that_still_waits_for_what_it_needs_can_be_stopped() -> None:
    begun, losses = asyncio.Event(), 1

    async def step() -> None:
        nonlocal losses
        begun.set()
        while losses:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            losses -= 1
        await asyncio.Event().wait()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Application]:
        yield Application(services=(), verifier=TestIssuer().verifier, prepare=[("a store", step)])

    serving = asyncio.create_task(serve(TEST_SERVER, opened()))
    async with asyncio.timeout(SOON_SECONDS):
        await begun.wait()
        serving.cancel()
        await asyncio.wait([serving])

    assert serving.cancelled()

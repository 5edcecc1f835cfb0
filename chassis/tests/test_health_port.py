"""Health in plaintext beside TLS, as Kubernetes' probes ask for it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.background import running
from chassis.channels import call, open_channel
from chassis.config import ConfigError
from chassis.server import LIVENESS, Application, ServerConfig, Service, running_server, serve
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.testing_tls import TestAuthority
from chassis.tests.part_of_auth import PartOfAuth
from chassis.tls import Tls
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1 import auth_service_pb2_grpc as pb_grpc

AUTH = pb.DESCRIPTOR.services_by_name["AuthService"]
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
SOON_SECONDS = 10.0


class Slow(PartOfAuth):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def Register(self, request: Any, context: Any) -> pb.User:
        self.begun.set()
        await self.may_answer.wait()
        return pb.User()


@pytest.fixture
def ports() -> tuple[int, int]:
    """Two that were free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return TestAuthority(tmp_path).tls("auth", "127.0.0.1")


@pytest.fixture
def config(tls: Tls, ports: tuple[int, int]) -> ServerConfig:
    return replace(TEST_SERVER, grpc_port=ports[0], health_port=ports[1], tls=tls)


@asynccontextmanager
async def opened(slow: Slow, may_serve: asyncio.Event) -> AsyncIterator[Application]:
    async def wait() -> None:
        await may_serve.wait()

    service = Service(AUTH, lambda server: pb_grpc.add_AuthServiceServicer_to_server(slow, server))
    yield Application([service], TestIssuer().verifier, prepare=[("the test", wait)])


def health(channel: grpc.aio.Channel) -> Any:
    return health_pb2_grpc.HealthStub(channel)


async def check(stub: Any, name: str = "") -> int:
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), wait_for_ready=True, timeout=SOON_SECONDS)
    return int(answer.status)


async def test_the_health_port_says_from_start_to_end_how_the_other_one_is(config: ServerConfig, tls: Tls) -> None:
    slow, may_serve = Slow(), asyncio.Event()
    async with AsyncExitStack() as stack:
        probe = health(await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{config.health_port}")))
        channel = await stack.enter_async_context(open_channel(f"dns:///127.0.0.1:{config.grpc_port}", AUTH, tls))
        serving = asyncio.create_task(serve(config, opened(slow, may_serve)))
        await stack.enter_async_context(running(serving))
        seen = probe.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        said, alive = [(await seen.read()).status], [await check(probe, LIVENESS)]
        may_serve.set()
        said.append((await seen.read()).status)
        under_way = asyncio.create_task(call(pb_grpc.AuthServiceStub(channel).Register, pb.RegisterRequest()))
        await asyncio.wait_for(slow.begun.wait(), SOON_SECONDS)
        serving.cancel()
        said.append((await seen.read()).status)
        said.append(await check(probe))
        alive.append(await check(probe, LIVENESS))
        slow.may_answer.set()

        assert await under_way == pb.User()
    assert said == [NOT_SERVING, SERVING, NOT_SERVING, NOT_SERVING]
    assert alive == [SERVING, SERVING]


async def test_a_process_that_waits_for_what_it_needs_is_alive_and_not_ready(ports: tuple[int, int]) -> None:
    async with AsyncExitStack() as stack:
        serving = asyncio.create_task(serve(replace(TEST_SERVER, grpc_port=ports[0]), opened(Slow(), asyncio.Event())))
        await stack.enter_async_context(running(serving))
        probe = health(await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{ports[0]}")))

        assert await check(probe, LIVENESS) == SERVING
        assert await check(probe) == NOT_SERVING


async def test_the_health_port_serves_health_and_nothing_else(config: ServerConfig) -> None:
    may_serve = asyncio.Event()
    may_serve.set()
    async with (
        opened(Slow(), may_serve) as application,
        running_server(config, application, "127.0.0.1:0"),
        grpc.aio.insecure_channel(f"127.0.0.1:{config.health_port}") as channel,
    ):
        assert await check(health(channel)) == SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.AuthServiceStub(channel).Register(pb.RegisterRequest(), timeout=SOON_SECONDS)

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_port_with_tls_tells_nobody_about_health_in_plaintext(config: ServerConfig) -> None:
    may_serve = asyncio.Event()
    may_serve.set()
    async with (
        opened(Slow(), may_serve) as application,
        running_server(config, application, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health(channel).Check(health_pb2.HealthCheckRequest(), timeout=SOON_SECONDS)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_health_port_that_is_taken_is_said_by_its_key(config: ServerConfig) -> None:
    with (
        socket.create_server(("127.0.0.1", config.health_port or 0)),
        pytest.raises(ConfigError, match=rf"^HEALTH_PORT: cannot listen on 127\.0\.0\.1:{config.health_port}: "),
    ):
        await asyncio.wait_for(serve(config, opened(Slow(), asyncio.Event())), SOON_SECONDS)

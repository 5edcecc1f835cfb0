"""Replicas of a service that are started and stopped as its processes would be, and callers without a break."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.background import running
from chassis.channels import call
from chassis.server import Application, ServerConfig, Service, serve
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.tests.part_of_auth import PartOfAuth
from chassis.tls import Tls, channel_credentials
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1 import auth_service_pb2_grpc as pb_grpc

AUTH = pb.DESCRIPTOR.services_by_name["AuthService"]
CALLERS = 8
PATIENCE_SECONDS = 60.0
AS_DEPLOYED = replace(TEST_SERVER, lame_duck_seconds=0.3)


class Counting(PartOfAuth):
    """Counts the calls that reach it, and remembers when they came."""

    def __init__(self) -> None:
        self.times: list[float] = []

    @property
    def calls(self) -> int:
        return len(self.times)

    async def Register(self, request: Any, context: Any) -> pb.User:
        self.times.append(monotonic())
        return pb.User()


@dataclass
class Replica:
    """A replica at an address of its own."""

    port: int
    tls: Tls | None = None
    host: str = "127.0.0.1"
    config: ServerConfig = AS_DEPLOYED
    servicer: Counting = field(default_factory=Counting)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Start it and wait until it says that it serves."""
        config = replace(self.config, listen_host=self.host, grpc_port=self.port, tls=self.tls)
        await self._stack.enter_async_context(running(asyncio.create_task(serve(config, self._opened()))))
        async with self._channel() as channel:
            health = health_pb2_grpc.HealthStub(channel)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await _is_serving(health):
                    await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop it gracefully."""
        await self._stack.aclose()

    def _channel(self) -> grpc.aio.Channel:
        """A channel that does not look at health by itself."""
        address = f"{self.host}:{self.port}"
        if self.tls is None:
            return grpc.aio.insecure_channel(address)
        return grpc.aio.secure_channel(
            address, channel_credentials(self.tls.current()), options=[("grpc.default_authority", "auth")]
        )

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Application]:
        service = Service(AUTH, lambda server: pb_grpc.add_AuthServiceServicer_to_server(self.servicer, server))
        yield Application(services=[service], verifier=TestIssuer().verifier)


async def _is_serving(health: Any) -> bool:
    try:
        answer = await health.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=PATIENCE_SECONDS)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


class Callers:
    """Call without a break what is never repeated, so that nothing covers up a loss, and collect what fails."""

    def __init__(self, channel: grpc.aio.Channel, pause_seconds: float = 0.002) -> None:
        """``pause_seconds``: the servers share this event loop."""
        self._stub = pb_grpc.AuthServiceStub(channel)
        self._pause_seconds = pause_seconds
        self.failed: list[str] = []

    async def keep_calling(self) -> None:
        await asyncio.gather(*(self._keep_calling() for _ in range(CALLERS)))

    async def _keep_calling(self) -> None:
        while True:
            begin = monotonic()
            try:
                await call(self._stub.Register, pb.RegisterRequest())
            except grpc.aio.AioRpcError as error:
                self.failed.append(f"{error.code().name} {error.details()}, after {monotonic() - begin:.3f} s")
            await asyncio.sleep(self._pause_seconds)


async def until(condition: Callable[[], bool], patience_seconds: float = PATIENCE_SECONDS) -> None:
    async with asyncio.timeout(patience_seconds):
        while not condition():
            await asyncio.sleep(0.01)

"""One of two replicas goes, or comes back: who calls them without a break loses no call.

Every call here is one that is never repeated, so that nothing covers up a loss. All of it holds with TLS as without.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.background import running
from chassis.channels import RECONNECT_SECONDS_MAX, call, open_channel
from chassis.server import Application, Service, serve
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.testing_tls import TestAuthority
from chassis.tls import Tls, channel_credentials
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1 import auth_service_pb2_grpc as pb_grpc

AUTH = pb.DESCRIPTOR.services_by_name["AuthService"]
CALLERS = 8
CALLS_MIN = 100
PATIENCE_SECONDS = 15.0


class Counting(pb_grpc.AuthServiceServicer):
    """Counts the calls that reach it."""

    def __init__(self) -> None:
        self.calls = 0

    async def Register(self, request: Any, context: Any) -> pb.User:
        self.calls += 1
        return pb.User()

    async def GetCurrentUser(self, request: Any, context: Any) -> Any: ...
    async def Login(self, request: Any, context: Any) -> Any: ...
    async def RefreshToken(self, request: Any, context: Any) -> Any: ...
    async def GetJsonWebKeySet(self, request: Any, context: Any) -> Any: ...
    async def IssueTicket(self, request: Any, context: Any) -> Any: ...
    async def IssueServiceToken(self, request: Any, context: Any) -> Any: ...


@dataclass
class Replica:
    """A replica on a port of its own, which can be started and stopped as its process would be."""

    port: int
    tls: Tls | None
    servicer: Counting = field(default_factory=Counting)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Start it and wait until it says that it serves."""
        config = replace(TEST_SERVER, grpc_port=self.port, lame_duck_seconds=0.3, tls=self.tls)
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
        address = f"127.0.0.1:{self.port}"
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
    """Call without a break, and collect what fails."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.AuthServiceStub(channel)
        self.failed: list[str] = []

    async def keep_calling(self) -> None:
        await asyncio.gather(*(self._keep_calling() for _ in range(CALLERS)))

    async def _keep_calling(self) -> None:
        while True:
            try:
                await call(self._stub.Register, pb.RegisterRequest())
            except grpc.aio.AioRpcError as error:
                self.failed.append(f"{error.code().name} {error.details()}")
            await asyncio.sleep(0.002)  # the servers share this event loop


@pytest.fixture(params=["plaintext", "TLS"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> Tls | None:
    return TestAuthority(tmp_path).tls("auth") if request.param == "TLS" else None


@pytest.fixture
async def replicas(tls: Tls | None) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two replicas that serve."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [listener.getsockname()[1] for listener in (one, other)]
    both = Replica(ports[0], tls), Replica(ports[1], tls)
    await asyncio.gather(*(replica.start() for replica in both))
    yield both
    await asyncio.gather(*(replica.stop() for replica in both))


@pytest.fixture
async def callers(replicas: tuple[Replica, Replica], tls: Tls | None) -> AsyncIterator[Callers]:
    """Who calls both replicas."""
    addresses = ",".join(f"127.0.0.1:{replica.port}" for replica in replicas)
    async with open_channel(f"ipv4:{addresses}", AUTH, tls) as channel:
        callers = Callers(channel)
        async with running(asyncio.create_task(callers.keep_calling())):
            await until(lambda: min(replica.servicer.calls for replica in replicas) > CALLS_MIN)
            yield callers


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def test_one_goes(replicas: tuple[Replica, Replica], callers: Callers) -> None:
    first, second = replicas
    await first.stop()
    at_the_end, calls = second.servicer.calls, first.servicer.calls
    await until(lambda: second.servicer.calls > at_the_end + CALLS_MIN)

    assert callers.failed == []
    assert first.servicer.calls == calls


async def test_one_goes_as_soon_as_the_other_is_back(replicas: tuple[Replica, Replica], callers: Callers) -> None:
    """By then callers wait between their tries to connect; were the wait long, they would know no replica at all."""
    first, second = replicas
    await first.stop()
    await asyncio.sleep(4 * RECONNECT_SECONDS_MAX)  # until the wait has grown as long as it gets
    await first.start()

    await second.stop()
    before = first.servicer.calls
    await until(lambda: first.servicer.calls > before + CALLS_MIN)

    assert callers.failed == []

"""A process's gRPC server: its layers, its health, its start and its graceful end."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any, Self

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis.background import cancel_until_over, retry_until_done, running, supervise
from chassis.channels import MESSAGE_BYTES_MAX, RECONNECT_SECONDS_MAX
from chassis.config import ConfigError, Environment
from chassis.contract import methods_of, process_of
from chassis.errors import Unavailable, read_details
from chassis.interceptors.authenticate import Verifier, authenticate, stay_authenticated
from chassis.interceptors.begin import begin
from chassis.interceptors.bounds import keep_deadline, limit_concurrency
from chassis.interceptors.chain import Chain, Layer
from chassis.interceptors.client import know_client
from chassis.interceptors.failures import map_errors
from chassis.interceptors.observe import count_calls, know_code, log_calls
from chassis.interceptors.trace import trace_calls
from chassis.metrics_server import metrics_shown
from chassis.mongo import MONGO_DOWN
from chassis.tls import Tls
from chassis.tracing import NO_TRACER, Tracer

_log = logging.getLogger(__name__)

PREPARE_TRANSIENT = (*MONGO_DOWN, Unavailable, grpc.aio.AioRpcError, OSError)

FOUND_SECONDS = 1.2 * RECONNECT_SECONDS_MAX + 0.2
"""Callers that lost this replica have connected again when it has listened for so long: gRPC adds up to a fifth
to its backoff. Only then does it say that it serves, so that none of them still looks for it when the next one goes."""

GIVE_BACK_SECONDS = 1.2
"""What a loop may take after the drain, to give back what it could not finish."""

LIVENESS = "liveness"
"""The health of this name is SERVING from listening to the end, whatever the process waits for: a kubelet asks for it
to know whether to start the process again, which would bring back nothing that another one lacks."""

_NOT_TRANSIENT = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


@dataclass(frozen=True)
class ServerConfig:
    """What every gRPC server of the mesh is told.

    ``lame_duck_seconds`` lie between "not serving" and the end of listening: clients that watch health
    go elsewhere, and a restart loses no call. ``drain_seconds`` is how long calls in flight may take then.
    With ``tls`` only clients with a certificate can connect; at ``health_port`` everybody can ask for health
    without, as Kubernetes' probes do.
    """

    listen_host: str
    grpc_port: int
    metrics_port: int | None
    log_level: str
    log_format: str
    lame_duck_seconds: float
    drain_seconds: float
    concurrent_calls_max: int
    concurrent_streams_max: int
    connection_age_seconds: int
    tls: Tls | None = None
    health_port: int | None = None

    @classmethod
    def read(cls, env: Environment, grpc_port: int) -> Self:
        """Read the keys; ``grpc_port`` is the service's default."""
        return cls(
            listen_host=env.text("LISTEN_HOST", "0.0.0.0"),  # noqa: S104 - a container serves its pod's address
            grpc_port=env.port("GRPC_PORT", grpc_port),
            metrics_port=env.port("METRICS_PORT", 9090) if env.optional("METRICS_PORT") else None,
            log_level=env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            log_format=env.choice("LOG_FORMAT", "json", ("json", "text")),
            lame_duck_seconds=env.seconds("LAME_DUCK_SECONDS", 0.3),
            drain_seconds=env.seconds("DRAIN_SECONDS", 8.0),
            concurrent_calls_max=env.integer("CONCURRENT_CALLS_MAX", 1000, least=1),
            concurrent_streams_max=env.integer("CONCURRENT_STREAMS_MAX", 2000, least=1),
            connection_age_seconds=env.integer("CONNECTION_AGE_SECONDS", 30, least=1),
            tls=Tls.read(env),
            health_port=env.port("HEALTH_PORT", 8080) if env.optional("HEALTH_PORT") else None,
        )


@dataclass(frozen=True)
class Service:
    """One gRPC service of a process: its descriptor, and what adds its servicer to a server."""

    descriptor: ServiceDescriptor
    register: Callable[[grpc.aio.Server], None]


@dataclass(frozen=True)
class Application:
    """What a process runs: services, who verifies tokens, what to do before serving, and loops beside.

    ``prepare`` steps are named by what they wait for, and tried again until they succeed; only a
    ConfigError stops the process, and the answer of another service that does not know this one.
    ``loops`` are named too, run once prepared, and are cancelled first when the process stops.
    """

    services: Sequence[Service]
    verifier: Verifier
    prepare: Sequence[tuple[str, Callable[[], Awaitable[None]]]] = ()
    loops: Sequence[tuple[str, Callable[[], Awaitable[None]]]] = field(default=())
    tracer: Tracer = NO_TRACER


def layers(
    verifier: Verifier, config: ServerConfig, is_stopping: Callable[[], bool], tracer: Tracer = NO_TRACER
) -> list[Layer]:
    """What every call passes, outermost first."""
    return [
        begin(),  # first: everything below knows the request's id and deadline
        trace_calls(tracer),  # outside `log_calls`: the line names the trace also when it begins here
        log_calls(),
        count_calls(),
        know_code(),  # outside `map_errors`: the three above tell the code that the caller sees
        map_errors(),  # outside all that may refuse: one place makes statuses
        # before any work: refusing must stay cheap
        limit_concurrency(config.concurrent_calls_max, config.concurrent_streams_max),
        keep_deadline(),  # before authentication, which may have to fetch keys
        know_client(verifier),  # beside authentication, which may refuse: the line says whose call was refused
        authenticate(verifier),  # the use case knows who calls
        stay_authenticated(verifier, is_stopping),  # last: what it ends has passed everything
    ]


class Server:
    """A gRPC server around an application, with health and reflection."""

    def __init__(self, config: ServerConfig, application: Application) -> None:
        descriptors = [service.descriptor for service in application.services]
        self._is_stopping = False
        around = layers(application.verifier, config, lambda: self._is_stopping, application.tracer)
        chain = Chain(methods_of(descriptors), around)
        self._config = config
        self._names = [descriptor.full_name for descriptor in descriptors]
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(interceptors=[chain], options=_options(config))
        for service in application.services:
            service.register(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        self._probed: grpc.aio.Server | None = None

    async def start(self, address: str) -> int:
        """Listen on ``address`` (``host:port``, port 0 picks one), not serving yet; returns the port."""
        await self._set_health(serving=False)
        await self._health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        try:
            port = self._add_port(address)
        except RuntimeError as error:
            raise ConfigError(_why_not(address, "GRPC_PORT")) from error
        if self._config.health_port is not None:
            await self._start_health(f"{address.rpartition(':')[0]}:{self._config.health_port}")
        await self._server.start()
        return port

    def _add_port(self, address: str) -> int:
        if self._config.tls is None:
            return self._server.add_insecure_port(address)
        return self._server.add_secure_port(address, self._config.tls.server_credentials())

    async def _start_health(self, address: str) -> None:
        """Answer there too how this server is, to who has no certificate, and nothing else."""
        self._probed = grpc.aio.server(options=_options(self._config))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._probed)
        try:
            self._probed.add_insecure_port(address)
        except RuntimeError as error:
            raise ConfigError(_why_not(address, "HEALTH_PORT")) from error
        await self._probed.start()

    async def serve(self) -> None:
        """Tell those who ask that calls are welcome."""
        await self._set_health(serving=True)

    async def stop(self) -> None:
        """Send newcomers away, finish what is in flight, end."""
        await self._set_health(serving=False)
        await asyncio.sleep(self._config.lame_duck_seconds)
        self._is_stopping = True
        await self._server.stop(self._config.drain_seconds)
        if self._probed is not None:
            await self._probed.stop(None)

    async def _set_health(self, *, serving: bool) -> None:
        answer = health_pb2.HealthCheckResponse
        for name in ("", *self._names):
            await self._health.set(name, answer.SERVING if serving else answer.NOT_SERVING)


@asynccontextmanager
async def running_server(config: ServerConfig, application: Application, address: str) -> AsyncIterator[int]:
    """Run an application's server, prepared and with its loops, for the length of the block.

    Yields the port. A prepare step that fails for good is raised here.
    """
    server = Server(config, application)
    port = await server.start(address)
    loops: list[asyncio.Task[None]] = []
    try:
        preparing = asyncio.create_task(_prepare(application))
        async with running(preparing):
            await asyncio.shield(preparing)
        loops = [asyncio.create_task(supervise(name, loop), name=name) for name, loop in application.loops]
        await server.serve()
        yield port
    finally:
        await asyncio.gather(server.stop(), cancel_until_over(loops, config.drain_seconds + GIVE_BACK_SECONDS))


async def serve(config: ServerConfig, application: AbstractAsyncContextManager[Application]) -> None:
    """Open an application and serve it until this task is cancelled; then close everything again."""
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(application)
        if config.metrics_port is not None:
            process = ", ".join(process_of(service.descriptor) for service in opened.services)
            await stack.enter_async_context(metrics_shown(config.listen_host, config.metrics_port, process))
        opened = replace(
            opened, prepare=[*opened.prepare, ("callers", partial(_sleep_until, monotonic() + FOUND_SECONDS))]
        )
        address = f"{config.listen_host}:{config.grpc_port}"
        await stack.enter_async_context(running_server(config, opened, address))
        _log.info("serving on %s", address)
        await asyncio.Event().wait()


async def _prepare(application: Application) -> None:
    for name, step in application.prepare:
        await retry_until_done(name, partial(_attempt, name, step), PREPARE_TRANSIENT)


async def _sleep_until(time: float) -> None:
    await asyncio.sleep(max(0.0, time - monotonic()))


async def _attempt(name: str, step: Callable[[], Awaitable[None]]) -> None:
    try:
        await step()
    except grpc.aio.AioRpcError as error:
        if error.code() not in _NOT_TRANSIENT:
            raise
        reason = read_details(error).reason or error.code().name
        raise ConfigError(
            f"SERVICE_CLIENT_ID or SERVICE_CLIENT_SECRET: {name} does not know them ({reason})"
        ) from error


def _why_not(address: str, port_key: str) -> str:
    """Which key is wrong. gRPC says only that it cannot listen; the system says why."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        key = port_key if error.errno in (errno.EADDRINUSE, errno.EACCES) else "LISTEN_HOST"
        return f"{key}: cannot listen on {address}: {error.strerror}"
    return f"LISTEN_HOST or {port_key}: cannot listen on {address}"


def _options(config: ServerConfig) -> list[tuple[str, Any]]:
    age_ms = config.connection_age_seconds * 1000
    return [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_connection_age_ms", age_ms),
        ("grpc.max_connection_age_grace_ms", age_ms),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),
    ]

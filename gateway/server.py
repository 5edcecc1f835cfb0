"""uvicorn inside our process: it serves, but signals and logs are the process's own."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial

import uvicorn

from chassis import background
from chassis.background import supervise
from chassis.client_address import GATEWAY
from chassis.config import ConfigError
from chassis.metrics_server import metrics_shown
from gateway.asgi import Gateway
from gateway.config import GatewayConfig
from gateway.connections import Connections, allow_descriptors
from gateway.metrics import CONNECTIONS
from gateway.protocol import BoundedProtocol
from gateway.websocket_protocol import MESSAGE_BYTES_MAX, PING_SECONDS, PONG_SECONDS_MAX, BoundedWebSocketProtocol

_log = logging.getLogger(__name__)

LAST_REQUEST_SECONDS = 0.1
"""Who was the last to connect has this long to send the request."""

BACKLOG = 2048
"""Connections that wait to be accepted."""


async def serve(config: GatewayConfig, application: AbstractAsyncContextManager[Gateway]) -> None:
    """Open the application and serve it until this task is cancelled; then leave without losing a request.

    :raises ConfigError: when the address cannot be listened on.
    """
    with _listen(config.listen_host, config.port) as listener:
        connections = Connections(allow_descriptors(config.connections_max))
        lame_duck_seconds, drain_seconds = config.lame_duck_seconds, config.drain_seconds
        async with (
            application as gateway,
            _metrics_shown(config),
            running(
                gateway,
                listener,
                connections,
                lame_duck_seconds=lame_duck_seconds,
                drain_seconds=drain_seconds,
            ),
        ):
            _log.info("serving on %s:%d", config.listen_host, config.port)
            await asyncio.Event().wait()


@asynccontextmanager
async def running(
    gateway: Gateway,
    listener: socket.socket,
    connections: Connections,
    *,
    lame_duck_seconds: float,
    drain_seconds: float,
) -> AsyncIterator[None]:
    """Serve on a listening socket for the length of the block; then be a lame duck, then drain.

    The lame duck says that it is not ready, still answers everything, and closes each connection behind the
    answer. What is idle after that is closed. A client that sends at this very moment gets no answer and cannot
    know whether it was heard: no server can prevent that (RFC 9112, section 9.5). Such a client sends again,
    which does no harm with GET and with an ``Idempotency-Key``.
    """
    server = _Server(uvicorn_config(gateway, connections, drain_seconds))
    CONNECTIONS.set_function(lambda: len(server.server_state.connections))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    sweeping = asyncio.create_task(supervise("the sweep of connections", connections.keep_swept))
    async with background.running(sweeping):
        try:
            yield
        finally:
            gateway.begin_lame_duck()
            await asyncio.sleep(lame_duck_seconds)
            gateway.end_streams()
            server.should_exit = True
            await serving


@asynccontextmanager
async def _metrics_shown(config: GatewayConfig) -> AsyncIterator[None]:
    if config.metrics_port is None:
        yield
        return
    async with metrics_shown(config.listen_host, config.metrics_port, GATEWAY):
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"PORT: {host}:{port} is taken, set another PORT") from error
        key = "PORT" if error.errno == errno.EACCES else "LISTEN_HOST"
        raise ConfigError(f"{key}: cannot listen on {host}:{port}: {error.strerror}") from error


def uvicorn_config(gateway: Gateway, connections: Connections, drain_seconds: float) -> uvicorn.Config:
    """What uvicorn is told."""
    return uvicorn.Config(
        gateway,
        http=partial(BoundedProtocol, connections=connections),  # type: ignore[arg-type] # it is called, and no more
        ws=partial(BoundedWebSocketProtocol, connections=connections),  # type: ignore[arg-type] # as well
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS_MAX,
        ws_per_message_deflate=False,  # a stream's messages are few and short
        loop="none",  # it runs in ours
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,  # ours has the route and never the query
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=drain_seconds,  # type: ignore[arg-type] # handed on to asyncio.wait_for
    )


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting; then uvicorn's own: close what is idle, wait for the rest, cancel what takes too long."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(LAST_REQUEST_SECONDS)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to chassis.process."""
        yield

"""uvicorn inside our process: it serves, but signals and logs are the process's own."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import uvicorn

from chassis.config import ConfigError
from gateway.asgi import Gateway
from gateway.config import GatewayConfig
from gateway.protocol import BoundedProtocol

_log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 65
"""How long an idle connection is kept: longer than the 60 s of common load balancers, who then never
send a request on a connection that is just being closed."""

BACKLOG = 2048


async def serve(config: GatewayConfig, application: AbstractAsyncContextManager[Gateway]) -> None:
    """Open the application and serve it until this task is cancelled; then finish what is in flight.

    :raises ConfigError: when the address cannot be listened on.
    """
    with _listen(config.listen_host, config.port) as listener:
        async with application as gateway, running(gateway, listener, config.drain_seconds):
            _log.info("serving on %s:%d", config.listen_host, config.port)
            await asyncio.Event().wait()


@asynccontextmanager
async def running(gateway: Gateway, listener: socket.socket, drain_seconds: float) -> AsyncIterator[None]:
    """Serve on a listening socket for the length of the block, then drain."""
    server = _Server(_uvicorn_config(gateway, drain_seconds))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"PORT: {host}:{port} is taken, set another PORT") from error
        key = "PORT" if error.errno == errno.EACCES else "LISTEN_HOST"
        raise ConfigError(f"{key}: cannot listen on {host}:{port}: {error.strerror}") from error


def _uvicorn_config(gateway: Gateway, drain_seconds: float) -> uvicorn.Config:
    return uvicorn.Config(
        gateway,
        http=BoundedProtocol,
        ws="none",
        loop="none",  # it runs in ours
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,  # ours has the route and never the query
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=drain_seconds,  # type: ignore[arg-type] # handed on to asyncio.wait_for
    )


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to chassis.process."""
        yield

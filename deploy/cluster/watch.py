"""Keeping something as it should be, for ever, and saying over HTTP whether it is."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chassis.config import ConfigError

LOOK_AGAIN_SECONDS = 5.0
"""How often it is looked at what was right the last time."""

TRY_AGAIN_SECONDS = 1.0
ROUND_SECONDS_MAX = 30.0
REQUEST_SECONDS_MAX = 5.0
REASON_CHARACTERS_MAX = 200
"""Of what went wrong a line has the beginning: drivers describe all that they know."""

_log = logging.getLogger(__name__)


class Readiness:
    """Whether the last round left everything as it should be."""

    def __init__(self) -> None:
        self.is_ready = False


async def watch(name: str, put_right: Callable[[], Awaitable[None]], health_port: int) -> None:
    """Call ``put_right`` again and again; ``/readyz`` at ``health_port`` says whether the last call succeeded.

    :raises ConfigError: when the port cannot be listened on.
    """
    readiness = Readiness()
    with serving_health(readiness, health_port):
        await _keep_right(name, put_right, readiness)


async def _keep_right(name: str, put_right: Callable[[], Awaitable[None]], readiness: Readiness) -> None:
    said = ""
    while True:
        try:
            async with asyncio.timeout(ROUND_SECONDS_MAX):
                await put_right()
        except Exception as error:
            readiness.is_ready = False
            why = f"{type(error).__name__}: {error}".partition("\n")[0][:REASON_CHARACTERS_MAX]
            if why != said:  # an outage is one line, not one a second
                _log.warning("%s: %s", name, why)
            said = why
        else:
            if not readiness.is_ready:
                _log.info("%s: ready", name)
            readiness.is_ready, said = True, ""
        await asyncio.sleep(LOOK_AGAIN_SECONDS if readiness.is_ready else TRY_AGAIN_SECONDS)


@contextmanager
def serving_health(readiness: Readiness, port: int) -> Iterator[int]:
    """Answer ``/healthz`` and ``/readyz`` for the length of the block; yields the port (0 picks one)."""

    class Health(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS_MAX

        def do_GET(self) -> None:
            ready = {"/healthz": True, "/readyz": readiness.is_ready}.get(self.path)
            status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
            self.send_response(HTTPStatus.NOT_FOUND if ready is None else status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Probes are not worth a line."""

    try:
        server = ThreadingHTTPServer(("", port), Health)
    except OSError as error:
        raise ConfigError(f"--health-port: cannot listen on port {port}: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

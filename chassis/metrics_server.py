"""Shows a process's metrics to Prometheus, at ``METRICS_PORT``.

Whoever can reach the port can ask as often, as slowly and as much as they like. So a connection has little to say
and little time; what is shown is written down ten times a second at most; and when too many are connected the one that
came first makes room: Prometheus is served in milliseconds, and is not kept out by those who only hold on.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from time import monotonic

from prometheus_client import Gauge, disable_created_metrics, generate_latest

from chassis.background import cancel_until_over
from chassis.config import ConfigError

PATH = b"/metrics"

CONNECTIONS_MAX = 8

CONNECTION_SECONDS_MAX = 10.0
"""From the first byte of the question to the last of the answer: Prometheus itself waits no longer by default."""

HEAD_BYTES_MAX = 8 * 1024

PAUSE_SECONDS = 0.1
"""From one time that everything is written down to the next: it takes milliseconds, for which calls wait."""

CANCEL_AGAIN_SECONDS = 0.5

_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b"
)
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

_BUILD = Gauge("ordermesh_build_info", "1, for the process and its version.", ("process", "version"))

_log = logging.getLogger(__name__)

disable_created_metrics()  # type: ignore[no-untyped-call] # when each series began: as many again, and nobody asks for them


@asynccontextmanager
async def metrics_shown(host: str, port: int, process: str) -> AsyncIterator[int]:
    """Show the metrics of ``process`` for the length of the block, at ``host``. Port 0 picks one; yields the port.

    :raises ConfigError: when the address cannot be listened on.
    """
    _BUILD.labels(process, version("ordermesh")).set(1)
    visitors = _Visitors()
    listener = _listen(host, port)
    server = await asyncio.start_server(visitors.meet, sock=listener, limit=HEAD_BYTES_MAX)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()
        await visitors.end()


class _Visitors:
    """Those who ask, the one that came first first."""

    def __init__(self) -> None:
        self._present: dict[asyncio.Task[None], None] = {}
        self._writing: asyncio.Task[bytes] | None = None
        self._write_at = float("-inf")

    def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let one in; who came first goes when there are too many."""
        visit = asyncio.create_task(self._serve(reader, writer))
        self._present[visit] = None
        visit.add_done_callback(lambda _: self._present.pop(visit, None))
        visit.add_done_callback(lambda _: writer.transport.abort())  # also of one that has to go before it began
        if len(self._present) > CONNECTIONS_MAX:
            first = next(iter(self._present))
            del self._present[first]  # at once: more may come before it is gone
            first.cancel()

    async def end(self) -> None:
        """Send everybody away."""
        await cancel_until_over(self._present, CANCEL_AGAIN_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question."""
        try:
            async with asyncio.timeout(CONNECTION_SECONDS_MAX):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.transport.set_write_buffer_limits(high=0)  # `drain` waits until all is sent
                writer.write(await self._answer(head))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            _log.debug("somebody is not shown the metrics: %s", type(error).__name__)

    async def _answer(self, head: bytes) -> bytes:
        verb, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if (verb, path) != (b"GET", PATH):
            return _NOT_FOUND
        text = await self._text()
        return _ANSWER % (len(text), text)

    async def _text(self) -> bytes:
        """Every series and its value. Whoever asks while it is written down shares the work."""
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await asyncio.shield(self._writing)

    async def _write(self) -> bytes:
        await asyncio.sleep(self._write_at - monotonic())
        self._write_at = monotonic() + PAUSE_SECONDS
        return await asyncio.to_thread(generate_latest)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        key = "METRICS_PORT" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "LISTEN_HOST"
        raise ConfigError(f"{key}: cannot listen on {host}:{port}: {error.strerror}") from error

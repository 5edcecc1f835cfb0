"""A TCP proxy that delays, cuts, refuses and swallows, switched while it runs.

A partition is not a crash: what is sent during a blackhole is kept and, when it ends, delivered in order, the ends of
connections too, as TCP would repeat it. Past ``KEPT_BYTES_MAX`` in one direction nothing more is read, as a full window
would have it. A side that closes closes the other one: there are no half-open connections, which our stores do not use.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import cast

from deploy.local.ports import HOST

KEPT_BYTES_MAX = 1_048_576
CONNECT_SECONDS = 5.0
BACKLOG = 1024
END = b""
"""Brought when a side is closed; a transport never brings an empty chunk."""


class TcpProxy:
    """Every setting takes effect at once, for connections that are open too."""

    def __init__(self, upstream_host: str, upstream_port: int, random: Random) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        """How much later each chunk arrives, each way."""
        self.refuse = False
        """New connections are closed at once."""
        self.cut_share = 0.0
        """Of 1: chunks that abort their connection instead of arriving."""
        self._upstream = upstream_host, upstream_port
        self._random = random
        self._blackhole = False
        self._links: set[_Link] = set()
        self._in_flight = 0
        self._connecting: set[asyncio.Task[None]] = set()

    @property
    def blackhole(self) -> bool:
        """While it is set nothing arrives, and nobody is told; what was kept arrives when it is switched off."""
        return self._blackhole

    @blackhole.setter
    def blackhole(self, is_on: bool) -> None:
        self._blackhole = is_on
        if not is_on:
            for link in list(self._links):
                link.to_upstream.flush()
                link.to_client.flush()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._links)

    @property
    def in_flight(self) -> int:
        """Connections whose last chunk went upstream: something was asked there, and nothing came back yet.

        A monitor that waits for news of its server counts as well: one or two for each MongoDB client.
        """
        return self._in_flight

    def cut(self) -> None:
        """Abort every open connection; what was kept for them is lost."""
        for link in list(self._links):
            link.abort()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Accept connections on a free port of this machine; at the end all are cut."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Link(self).client, HOST, 0, backlog=BACKLOG)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in self._connecting:
                task.cancel()
            await asyncio.gather(*self._connecting, return_exceptions=True)
            self.cut()
            await server.wait_closed()

    def opened(self, link: "_Link") -> None:
        """A client has come."""
        self._links.add(link)
        task = asyncio.create_task(self._connect(link))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def closed(self, link: "_Link") -> None:
        """A connection is over on both sides."""
        self._links.discard(link)
        link.drop()
        self.asked(link, False)

    def asked(self, link: "_Link", is_asked: bool) -> None:
        """Something went upstream, or came back."""
        if link.is_asked is not is_asked:
            link.is_asked = is_asked
            self._in_flight += 1 if is_asked else -1

    def cuts(self) -> bool:
        """Whether this chunk aborts its connection."""
        return self.cut_share > 0.0 and self._random.random() < self.cut_share

    async def _connect(self, link: "_Link") -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: link.upstream, *self._upstream)
        except OSError:  # of which TimeoutError is one
            link.upstream.connection_lost(None)


class _Link:
    """A client's connection and the one upstream that stands for it."""

    def __init__(self, proxy: TcpProxy) -> None:
        self.proxy = proxy
        self.is_asked = False
        self.to_upstream = _Way(self, is_question=True)
        self.to_client = _Way(self, is_question=False)
        self.client = _End(self, outgoing=self.to_upstream, incoming=self.to_client)
        self.upstream = _End(self, outgoing=self.to_client, incoming=self.to_upstream)

    def drop(self) -> None:
        """Forget what is kept for it."""
        self.to_upstream.drop()
        self.to_client.drop()

    def abort(self) -> None:
        """Close both sides at once."""
        self.drop()
        for way in (self.to_upstream, self.to_client):
            if way.sink:
                way.sink.abort()

    def lost(self) -> None:
        """One side is over."""
        if self.client.is_lost and self.upstream.is_lost:
            self.proxy.closed(self)


class _End(asyncio.Protocol):
    """One side's connection: what it sends goes ``outgoing``, what it is sent comes ``incoming``."""

    def __init__(self, link: _Link, outgoing: "_Way", incoming: "_Way") -> None:
        self._link = link
        self._outgoing = outgoing
        self._incoming = incoming
        self.is_lost = False

    def connection_made(self, plain: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", plain)  # uvloop's is one by its methods only
        proxy = self._link.proxy
        if proxy.refuse:
            transport.abort()
            return
        self._outgoing.source = transport
        self._incoming.sink = transport
        if self is self._link.client:
            proxy.opened(self._link)
        else:
            self._incoming.flush()

    def data_received(self, data: bytes) -> None:
        self._outgoing.bring(data)

    def pause_writing(self) -> None:
        self._incoming.sink_is_full(True)

    def resume_writing(self) -> None:
        self._incoming.sink_is_full(False)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_lost = True
        self._outgoing.bring(END)
        self._link.lost()


class _Way:
    """What goes from ``source`` to ``sink``: at once when nothing is in its way, else kept in order."""

    def __init__(self, link: _Link, *, is_question: bool) -> None:
        self.source: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None
        self._link = link
        self._proxy = link.proxy
        self._is_question = is_question
        self._loop = asyncio.get_running_loop()
        self._kept: deque[tuple[float, bytes]] = deque()
        self._kept_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sink_is_full = False
        self._is_paused = False

    def bring(self, chunk: bytes) -> None:
        """Deliver ``chunk``, or keep it until it may be delivered."""
        proxy = self._proxy
        if not self._is_question:
            proxy.asked(self._link, False)
        if proxy.cuts():
            self._link.abort()
        elif self._kept or proxy.blackhole or proxy.delay_seconds or not self.sink:
            self._kept.append((self._loop.time() + proxy.delay_seconds, chunk))
            self._kept_bytes += len(chunk)
            self.flush()
        else:
            self._deliver(self.sink, chunk)

    def flush(self) -> None:
        """Deliver what is kept and due."""
        now = self._loop.time()
        while self._kept and self.sink and not self._proxy.blackhole:
            due, chunk = self._kept[0]
            if due > now:
                self._timer = self._timer or self._loop.call_at(due, self._on_time)
                break
            self._kept.popleft()
            self._kept_bytes -= len(chunk)
            self._deliver(self.sink, chunk)
        self._balance()

    def drop(self) -> None:
        """Forget what is kept."""
        self._kept.clear()
        self._kept_bytes = 0
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def sink_is_full(self, is_full: bool) -> None:
        """Read no more while what was written has not gone."""
        self._sink_is_full = is_full
        self._balance()

    def _deliver(self, sink: asyncio.Transport, chunk: bytes) -> None:
        if sink.is_closing():
            return
        if chunk is END:
            sink.close()
            return
        sink.write(chunk)
        if self._is_question:
            self._proxy.asked(self._link, True)

    def _on_time(self) -> None:
        self._timer = None
        self.flush()

    def _balance(self) -> None:
        must_pause = self._sink_is_full or self._kept_bytes > KEPT_BYTES_MAX
        if must_pause is self._is_paused or not self.source or self.source.is_closing():
            return
        self._is_paused = must_pause
        if must_pause:
            self.source.pause_reading()
        else:
            self.source.resume_reading()


@asynccontextmanager
async def open_proxy(upstream_host: str, upstream_port: int, random: Random | None = None) -> AsyncIterator[TcpProxy]:
    """A proxy before ``upstream``, on a free port of this machine; ``random`` decides which chunks are cut."""
    proxy = TcpProxy(upstream_host, upstream_port, random or Random(0))
    async with proxy.serving():
        yield proxy

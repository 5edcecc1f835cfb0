"""A channel whose certificate is renewed while it lives.

gRPC's own channels keep the certificate that they were made with (https://github.com/grpc/grpc/issues/41779).
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Any, Self

import grpc

from chassis.tls import Tls, channel_credentials

RETIRE_SECONDS = 60.0
"""How long a channel with the former certificate stays open: no call that is under way on it takes longer, and a
stream that does is taken up again on the next one."""

Connect = Callable[[grpc.ChannelCredentials], grpc.aio.Channel]


class RenewedChannel(grpc.aio.Channel):
    """Each call goes over a channel with the certificates that there are now; the one before is closed behind it."""

    def __init__(self, tls: Tls, connect: Connect) -> None:
        """``connect`` makes a channel from credentials."""
        self._tls = tls
        self._connect = connect
        self._certificates = tls.current()
        self._channel = connect(channel_credentials(self._certificates))
        self._retiring: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """End what is under way after ``grace`` seconds, and on former channels at once."""
        self._is_closed = True
        retiring = list(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(self._channel.close(grace), *retiring, return_exceptions=True)

    def current(self) -> grpc.aio.Channel:
        """The channel for what begins now."""
        certificates = self._tls.current()
        if certificates is not self._certificates and not self._is_closed:
            former, self._channel = self._channel, self._connect(channel_credentials(certificates))
            self._certificates = certificates
            task = asyncio.create_task(_retire(former), context=Context())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        return self._channel

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """See :class:`grpc.aio.Channel`."""
        return self.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """See :class:`grpc.aio.Channel`."""
        await self.current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """See :class:`grpc.aio.Channel`."""
        await self.current().channel_ready()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """See :class:`grpc.aio.Channel`."""
        return _Rpc(self, lambda channel: channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """See :class:`grpc.aio.Channel`."""
        return _Rpc(self, lambda channel: channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """See :class:`grpc.aio.Channel`."""
        return _Rpc(self, lambda channel: channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """See :class:`grpc.aio.Channel`."""
        return _Rpc(self, lambda channel: channel.stream_stream(*args, **kwargs))


class _Rpc:
    """One rpc, made anew on each channel that comes."""

    def __init__(self, channel: RenewedChannel, make: Callable[[grpc.aio.Channel], Any]) -> None:
        self._channel = channel
        self._make = make
        self._made_on = channel.current()
        self._rpc = make(self._made_on)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        current = self._channel.current()
        if current is not self._made_on:
            self._rpc, self._made_on = self._make(current), current
        return self._rpc(*args, **kwargs)


async def _retire(channel: grpc.aio.Channel) -> None:
    """Close a channel later, or when this is cancelled. gRPC's own ``close(grace)`` closes nothing when cancelled."""
    try:
        await asyncio.sleep(RETIRE_SECONDS)
    finally:
        await channel.close()

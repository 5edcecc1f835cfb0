"""The streams that are open in this process: how many there may be, and how they end with it."""

from collections.abc import Callable

from gateway.errors import Stopping, TooManyStreams
from gateway.metrics import STREAMS

STREAMS_MAX = 2000
"""Streams open at once in one process: as many as one replica of a service takes. They do not count as requests."""

End = Callable[[], None]
"""Tells one stream to end, because the process does."""


class Streams:
    """Lets streams in, and ends them all."""

    def __init__(self, most: int = STREAMS_MAX) -> None:
        self._most = most
        self._open: set[End] = set()
        self._is_over = False

    def begin(self, end: End) -> None:
        """Let one in; ``end`` is called when the process stops.

        :raises TooManyStreams: when as many are open as may be.
        :raises Stopping: when the process stops already.
        """
        if self._is_over:
            raise Stopping("this process is stopping")
        if len(self._open) >= self._most:
            raise TooManyStreams(f"more than {self._most} streams are open")
        self._open.add(end)
        STREAMS.set(len(self._open))

    def forget(self, end: End) -> None:
        """It has ended."""
        self._open.discard(end)
        STREAMS.set(len(self._open))

    def end(self) -> None:
        """Tell all of them to end, and let no other one in."""
        self._is_over = True
        for end in list(self._open):
            end()

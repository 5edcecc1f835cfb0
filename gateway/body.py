"""Reading requests' bodies, within their limits."""

import asyncio

from chassis.channels import MESSAGE_BYTES_MAX
from gateway.errors import BodyTimeout, BodyTooLarge, ClientGone, TooManyBodies
from gateway.exchange import Request
from gateway.head import require_framed_body

BODY_BYTES_MAX = MESSAGE_BYTES_MAX

BODY_SECONDS_MAX = 10.0
"""From the head to the last byte of the body: 26 kB/s are enough for the largest."""

SMALL_BODY_BYTES_MAX = 16 * 1024
"""A body of this size is always taken; an order of 100 lines has half of it."""

LARGE_BODIES_BYTES_MAX = 64 * 1024 * 1024
"""What all larger bodies that are on their way may have together in one process: else as many clients as there may
be connections would fill a gigabyte with bodies that never end."""


class BodyReader:
    """Reads bodies. Those that are larger than a small one share ``large_bytes_max``."""

    def __init__(self, seconds_max: float = BODY_SECONDS_MAX, large_bytes_max: int = LARGE_BODIES_BYTES_MAX) -> None:
        self._seconds_max = seconds_max
        self._large_bytes_left = large_bytes_max

    async def read(self, request: Request) -> bytes:
        """The whole body; empty when there is none.

        Bytes are counted as they come, what ``Content-Length`` promises only makes the answer quicker.

        :raises LengthRequired: when nothing says where it ends.
        :raises BodyTooLarge: above ``BODY_BYTES_MAX``.
        :raises BodyTimeout: when it takes too long.
        :raises TooManyBodies: when it is not small and too many others are on their way.
        :raises ClientGone: when the client leaves before the end.
        """
        require_framed_body(request)
        promised = request.headers.get(b"content-length", b"")
        if promised.isdigit() and (len(promised) > len(str(BODY_BYTES_MAX)) or int(promised) > BODY_BYTES_MAX):
            raise _too_large()
        try:
            async with asyncio.timeout(self._seconds_max):
                return await self._read(request)
        except TimeoutError:
            # What may still come of this request must not be taken for the next one.
            raise BodyTimeout(
                f"a body must come within {self._seconds_max:g} seconds", {"connection": "close"}
            ) from None

    async def _read(self, request: Request) -> bytes:
        chunks: list[bytes] = []
        size = held = 0
        try:
            while True:
                event = await request.receive()
                if event["type"] == "http.disconnect":
                    raise ClientGone
                chunk = event.get("body", b"")
                size += len(chunk)
                if size > BODY_BYTES_MAX:
                    raise _too_large()
                chunks.append(chunk)
                if not event.get("more_body", False):
                    return b"".join(chunks)
                if size > SMALL_BODY_BYTES_MAX:
                    held += self._hold(size - held)
        finally:
            self._large_bytes_left += held

    def _hold(self, size: int) -> int:
        if size > self._large_bytes_left:
            raise TooManyBodies("too many large bodies are on their way")
        self._large_bytes_left -= size
        return size


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"a body has at most {BODY_BYTES_MAX} bytes")

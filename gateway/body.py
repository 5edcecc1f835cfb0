"""Reading a request's body, within its limits."""

import asyncio

from chassis.channels import MESSAGE_BYTES_MAX
from gateway.errors import BodyTimeout, BodyTooLarge, ClientGone
from gateway.exchange import Request

BODY_BYTES_MAX = MESSAGE_BYTES_MAX

BODY_SECONDS_MAX = 10.0
"""From the head to the last byte of the body: 26 kB/s are enough for the largest."""


async def read_body(request: Request, seconds_max: float = BODY_SECONDS_MAX) -> bytes:
    """The whole body; empty when there is none.

    Bytes are counted as they come, what ``Content-Length`` promises only makes the answer quicker.

    :raises BodyTooLarge: above ``BODY_BYTES_MAX``.
    :raises BodyTimeout: when it takes longer than ``seconds_max``.
    :raises ClientGone: when the client leaves before the end.
    """
    promised = request.headers.get(b"content-length", b"")
    if promised.isdigit() and (len(promised) > len(str(BODY_BYTES_MAX)) or int(promised) > BODY_BYTES_MAX):
        raise _too_large()
    try:
        async with asyncio.timeout(seconds_max):
            return await _read(request)
    except TimeoutError:
        # What may still come of this request must not be taken for the next one.
        raise BodyTimeout(f"a body must come within {seconds_max:g} seconds", {"connection": "close"}) from None


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
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


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"a body has at most {BODY_BYTES_MAX} bytes")

"""One HTTP request in bytes, with headers that no HTTP client would send."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

ANSWER_SECONDS_MAX = 10.0


async def get(url: str, *headers: tuple[bytes, bytes]) -> tuple[int, bytes]:
    """Ask for ``url``; the answer's status and body."""
    parts = urlsplit(url)
    lines = [b"GET " + parts.path.encode() + b" HTTP/1.1", b"host: " + parts.netloc.encode(), b"connection: close"]
    lines += [name + b": " + value for name, value in headers]
    return await exchange(url, b"\r\n".join(lines) + b"\r\n\r\n")


async def exchange(url: str, request: bytes) -> tuple[int, bytes]:
    """Send any bytes to the server of ``url``; the answer's status and all of it, if it closes then."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(request)
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


def reason_of(body: bytes) -> str:
    """The reason in a problem document; none in any other answer."""
    answer: dict[str, Any] = json.loads(body)
    return str(answer.get("reason", "none"))

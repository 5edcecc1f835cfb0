"""WebSockets to a gateway, and handshakes made by hand."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.tests.backend import Backend
from gateway.tests.streams import (
    PATH,
    PATIENCE_SECONDS,
    customer,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (f"sec-websocket-key: {KEY}", "sec-websocket-version: 13")


def socket_to(url: str, path: str = PATH, **options: Any) -> connect:
    return connect(url.replace("http", "ws") + path, proxy=None, compression=None, **options)


def head_of(backend: Backend, *lines: str, path: str = PATH, version: str = "1.1") -> bytes:
    """A handshake by hand; ``lines`` are more headers."""
    headers = ["host: shop.example", "connection: Upgrade", "upgrade: websocket"]
    token = f"authorization: {customer(backend)['authorization']}"
    return "\r\n".join([f"GET {path} HTTP/{version}", *headers, token, *lines, "", ""]).encode()


async def everything(socket: ClientConnection) -> list[int]:
    """The versions of all messages until the socket is closed, however."""
    found: list[int] = []
    with suppress(ConnectionClosed):
        while True:
            found.append(json.loads(await socket.recv())["version"])
    return found


async def closed(socket: ClientConnection) -> tuple[int, str]:
    await asyncio.wait_for(socket.wait_closed(), PATIENCE_SECONDS)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def refusal(url: str, path: str = PATH, **options: Any) -> Any:
    """The answer to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with socket_to(url, path, **options):
            pass
    return refused.value.response


def problem(response: Any) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    return dict(json.loads(response.body))

"""Answers to HTTP/1.0, which knows no chunks: one without a length ends with the connection (RFC 9112, section 6.3)."""

from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def unframed(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """The application, whose answer uvicorn would send in chunks if it names no length."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        has_length = False

        async def send_unframed(message: Any) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = any(name == b"content-length" for name, _ in message["headers"])
            if not has_length:
                cycle.chunked_encoding = False
                cycle.expected_content_length = len(message.get("body", b""))  # the length is what there is
            await send(message)

        await app(scope, receive, send_unframed)

    return answer

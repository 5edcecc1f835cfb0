"""One gRPC call in bytes, with metadata that no client of grpc would send."""

import asyncio
import struct

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _GO_AWAY = 0, 1, 4, 7
_END_STREAM, _END_HEADERS = 1, 4
_STREAM = 1
_PREFIX_MAX = 127
"""A length from here on goes on in further bytes, seven bits each (RFC 7541, 5.1)."""

UNAUTHENTICATED = b"\x0bgrpc-status\x0216"
"""How the status stands in the answer's packed headers."""

ANSWER_SECONDS_MAX = 10.0


async def call(address: str, method: str, *metadata: tuple[bytes, bytes]) -> bytes:
    """Call ``method`` with an empty message; the bytes of the answer's frames, headers still packed."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = {b":method": b"POST", b":scheme": b"http", b":path": method.encode(), b":authority": address.encode()}
        fields = [*head.items(), (b"content-type", b"application/grpc"), (b"te", b"trailers"), *metadata]
        block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_HEADERS, _STREAM, block))
        writer.write(_frame(_DATA, _END_STREAM, _STREAM, bytes(5)))
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await _answer(reader)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    received = b""
    while True:
        head = await reader.readexactly(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        received += await reader.readexactly(length)
        if kind == _GO_AWAY or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            return received


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _text(text: bytes) -> bytes:
    return _length(len(text)) + text


def _length(length: int) -> bytes:
    if length < _PREFIX_MAX:
        return bytes([length])
    written, rest = [_PREFIX_MAX], length - _PREFIX_MAX
    while rest > _PREFIX_MAX:
        written.append(rest % 128 + 128)
        rest //= 128
    return bytes([*written, rest])

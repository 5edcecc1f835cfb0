"""Tokens built by hand, as no library would build them: whatever header, payload and signature are wanted."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

Part = Mapping[str, Any] | bytes
Signer = Callable[[bytes], bytes]


def unsigned(_text: bytes) -> bytes:
    """A signer that does not sign."""
    return b""


def encoded(data: bytes) -> str:
    """``data`` in base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """What base64url without padding stands for."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written(part: Part) -> bytes:
    """A part of a token in JSON, unless it is text already."""
    return part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()


def compact(header: Part, payload: Part, sign: Signer) -> str:
    """A token in the compact form (RFC 7515, 7.1)."""
    signed = f"{encoded(written(header))}.{encoded(written(payload))}"
    return f"{signed}.{encoded(sign(signed.encode()))}"


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, believed or not."""
    _, claims_part, _ = token.split(".")
    claims: dict[str, Any] = json.loads(decoded(claims_part))
    return claims


def can_be_sent(token: str) -> bool:
    """Whether a client of gRPC sends it as metadata; anything else is sent in bytes by who wants to."""
    return token.isascii() and token.isprintable()

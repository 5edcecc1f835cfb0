"""The keys that access tokens are signed with: derived from one secret, published as a JWKS."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chassis.config import Secret

ED25519_SEED_BYTES = 32
_PURPOSE = b"ordermesh access token"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key. ``key_id`` is its thumbprint (RFC 7638), ``x`` its public half (RFC 8037)."""

    key_id: str
    x: str
    private_key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def derive(cls, secret: Secret) -> Self:
        """The key of a secret: the same secret gives the same key in every replica (HKDF, RFC 5869)."""
        hkdf = HKDF(algorithm=SHA256(), length=ED25519_SEED_BYTES, salt=None, info=_PURPOSE)
        private_key = Ed25519PrivateKey.from_private_bytes(hkdf.derive(secret.reveal().encode()))
        x = base64url(private_key.public_key().public_bytes_raw())
        return cls(thumbprint(x), x, private_key)

    @property
    def public_key(self) -> Ed25519PublicKey:
        """What verifies this key's signatures."""
        return self.private_key.public_key()


@dataclass(frozen=True)
class KeyRing:
    """The key that signs, and those that are only published: the next one, and the one before."""

    current: SigningKey
    published: tuple[SigningKey, ...]

    @classmethod
    def derive(cls, current: Secret, next_: Secret | None = None, previous: Secret | None = None) -> Self:
        """The keys of the secrets; a secret that is given twice is one key."""
        keys = [SigningKey.derive(secret) for secret in (current, next_, previous) if secret is not None]
        return cls(keys[0], tuple({key.key_id: key for key in keys}.values()))


class LocalKeys:
    """The key source of auth itself: what it publishes."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys: Mapping[str, Ed25519PublicKey] = {key.key_id: key.public_key for key in keys.published}

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        """See :class:`chassis.tokens.KeySource`."""
        return self._keys.get(key_id)


def base64url(data: bytes) -> str:
    """``data`` as JOSE writes it: base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(x: str) -> str:
    """The id of the Ed25519 key whose public half is ``x`` (RFC 7638)."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": x}
    return base64url(sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())

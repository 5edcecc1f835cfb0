"""What an attacker has to make tokens from, and the tools to make them."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.attacks.jose import Signer, claims_of, compact, decoded, encoded

EVIL_KEY = Ed25519PrivateKey.generate()
EVIL_URL = "http://127.0.0.1:9/keys.json"


@dataclass(frozen=True)
class Material:
    """What auth publishes, and what it gave to the attacker as a customer."""

    key_id: str
    public_key: Ed25519PublicKey
    own_token: str
    refresh_token: str

    @property
    def header(self) -> dict[str, Any]:
        """The header of a token that auth signs now."""
        return {"alg": "EdDSA", "kid": self.key_id, "typ": "at+jwt"}

    @property
    def own_claims(self) -> dict[str, Any]:
        """What auth says of the attacker."""
        return claims_of(self.own_token)

    @property
    def claims(self) -> dict[str, Any]:
        """What the attacker would like it to say."""
        return self.own_claims | {"role": "admin"}

    @property
    def x(self) -> bytes:
        """The public key itself."""
        return self.public_key.public_bytes_raw()

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as auth publishes it."""
        return jwk(self.public_key) | {"kid": self.key_id, "use": "sig", "alg": "EdDSA"}

    @property
    def parts(self) -> list[str]:
        """The three parts of the attacker's own token."""
        return self.own_token.split(".")

    @property
    def signature(self) -> bytes:
        """That of the attacker's own token."""
        return decoded(self.parts[2])

    def own_signature(self, _signed: bytes) -> bytes:
        """A signer that puts the signature of the attacker's own token under everything."""
        return self.signature


Forgery = Callable[[Material], str]


def signed(sign: Signer, **header: Any) -> Forgery:
    """An admin's token with another header."""
    return lambda m: compact(m.header | header, m.claims, sign)


def signed_without(name: str, **header: Any) -> Forgery:
    """One whose header lacks something."""
    return lambda m: compact({k: v for k, v in m.header.items() if k != name} | header, m.claims, EVIL_KEY.sign)


def kept(**header: Any) -> Forgery:
    """One with the signature of the attacker's own token."""
    return lambda m: compact(m.header | header, m.claims, m.own_signature)


def kept_under(header: bytes) -> Forgery:
    """The same with any text as header."""
    return lambda m: compact(header, m.claims, m.own_signature)


def mac(digest: str, secret: bytes) -> Signer:
    """Signs with a secret, as HS256, HS384 and HS512 do."""
    return lambda text: hmac.digest(secret, text, digest)


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@cache
def _ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rs256(text: bytes) -> bytes:
    """Signs with an RSA key of the attacker's."""
    return _rsa_key().sign(text, padding.PKCS1v15(), SHA256())


def ps256(text: bytes) -> bytes:
    """The same with another padding."""
    return _rsa_key().sign(text, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


def es256(text: bytes) -> bytes:
    """Signs with a key of the attacker's on P-256; the signature is as long as one of Ed25519."""
    r, s = decode_dss_signature(_ec_key().sign(text, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """A public key as JSON (RFC 8037)."""
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(key.public_bytes_raw())}


Forgeries = Mapping[str, Forgery]

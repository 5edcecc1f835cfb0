"""What an attacker can make of a token of their own without the key: other claims, other forms, other texts."""

import json
from collections.abc import Mapping
from typing import Any

from chassis.tokens import TOKEN_BYTES_MAX
from tests.attacks.jose import compact, decoded, encoded, written
from tests.attacks.material import EVIL_KEY, Forgeries, Forgery, Material

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of the group that signatures are made in (RFC 8032, 5.1)."""

_CLAIMS: Mapping[str, dict[str, Any]] = {
    "role": {"role": "admin"},
    "sub": {"sub": "0" * 32},
    "exp": {"exp": 9_999_999_999},
    "client_id": {"client_id": "orders", "sub": "orders"},
}


def _with_claims(claims: dict[str, Any]) -> Forgery:
    return lambda m: compact(decoded(m.parts[0]), m.own_claims | claims, m.own_signature)


def _with_signature(m: Material, signature: bytes) -> str:
    return ".".join([*m.parts[:2], encoded(signature)])


def _with_moved_s(m: Material) -> str:
    """Another signature of the same text, if nobody looks whether S is below the order (RFC 8032, 8.4)."""
    s = int.from_bytes(m.signature[32:], "little") + ED25519_ORDER
    return _with_signature(m, m.signature[:32] + s.to_bytes(32, "little"))


def _with_spare_bits(bits: int) -> Forgery:
    """64 bytes need 85 characters and two bits of another one; the other four bits mean nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return lambda m: m.own_token[:-1] + alphabet[alphabet.index(m.own_token[-1]) | bits]


def _flattened(m: Material) -> str:
    return json.dumps(dict(zip(("protected", "payload", "signature"), m.parts, strict=True)))


def _general(m: Material) -> str:
    protected, payload, signature = m.parts
    return json.dumps({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]})


CHANGED: Forgeries = {
    **{f"{name} is changed, the signature is kept": _with_claims(claims) for name, claims in _CLAIMS.items()},
    "role twice in the payload": lambda m: compact(
        m.header, written(m.own_claims)[:-1] + b',"role":"admin"}', m.own_signature
    ),
    "another header, the signature is kept": lambda m: compact(
        m.header | {"cty": "JWT"}, decoded(m.parts[1]), m.own_signature
    ),
    "the signature is stripped": lambda m: ".".join(m.parts[:2]),
    "the signature is empty": lambda m: ".".join([*m.parts[:2], ""]),
    "the payload is empty": lambda m: ".".join([m.parts[0], "", m.parts[2]]),
    "the header is empty": lambda m: ".".join(["", *m.parts[1:]]),
    "the signature is cut by a character": lambda m: m.own_token[:-1],
    "the signature is cut in half": lambda m: m.own_token[:-43],
    "the signature is zeros": lambda m: _with_signature(m, bytes(64)),
    "the signature is given twice": lambda m: _with_signature(m, m.signature * 2),
    "a bit of the signature is changed": lambda m: _with_signature(m, bytes([m.signature[0] ^ 1]) + m.signature[1:]),
    "the signature's S is moved by the order of the group": _with_moved_s,
    "the payload is nested deeply": lambda m: compact(m.header, b"[" * 2_500, EVIL_KEY.sign),
}

OTHER_FORMS: Forgeries = {
    "a refresh token": lambda m: m.refresh_token,
    "five parts, as of JWE": lambda m: ".".join([*m.parts, "AAAA", "AAAA"]),
    "JWE": lambda m: f"{encoded(written({'alg': 'dir', 'enc': 'A256GCM', 'kid': m.key_id}))}..AA.AA.AA",
    "JWS in JSON, flattened": _flattened,
    "JWS in JSON, general": _general,
    "PASETO": lambda m: f"v4.public.{encoded(written(m.claims) + bytes(64))}",
    "an ID token": lambda m: compact(
        m.header | {"typ": "JWT"}, m.claims | {"nonce": "n", "aud": "web", "azp": "web"}, EVIL_KEY.sign
    ),
    "a token in a token": lambda m: compact(m.header | {"cty": "JWT"}, m.own_token.encode(), EVIL_KEY.sign),
    "claims without a token": lambda m: json.dumps(m.claims),
    "a token in base64": lambda m: encoded(m.own_token.encode()),
    "the standard alphabet of base64": lambda m: f"{m.own_token[:-4]}+/+A",
}

OTHER_TEXTS: Forgeries = {
    "padding behind the signature": lambda m: f"{m.own_token}==",
    "padding behind each part": lambda m: ".".join(part + "=" * (-len(part) % 4) for part in m.parts),
    **{f"spare bits of the signature are {bits:04b}": _with_spare_bits(bits) for bits in (1, 2, 8, 15)},
    "a dot behind it": lambda m: f"{m.own_token}.",
    "a dot before it": lambda m: f".{m.own_token}",
    "a space in it": lambda m: m.own_token.replace(".", " .", 1),
    "a tab before it": lambda m: f"\t{m.own_token}",
    "a newline in it": lambda m: m.own_token.replace(".", "\n.", 1),
    "a newline behind it": lambda m: f"{m.own_token}\n",
    "a null byte behind it": lambda m: f"{m.own_token}\0",
    "a null byte in it": lambda m: m.own_token.replace(".", "\0.", 1),
    "a no-break space behind it": lambda m: f"{m.own_token}\xa0",
    "a letter from another script in it": lambda m: f"\u0435{m.own_token[1:]}",
    "full-width letters": lambda m: "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in m.own_token),
    "quotes around it": lambda m: f'"{m.own_token}"',
    "percent-encoded": lambda m: m.own_token.replace(".", "%2E"),
    "the scheme twice": lambda m: f"Bearer {m.own_token}",
    "two tokens": lambda m: f"{m.own_token}, {m.own_token}",
    "a parameter behind it": lambda m: f"{m.own_token}; role=admin",
    "nothing but dots": lambda _: "..",
    "a word": lambda _: "null",
    "a character too many": lambda m: f"{m.own_token}{'A' * (TOKEN_BYTES_MAX + 1 - len(m.own_token))}",
}
"""A good token, written otherwise: were one of these taken, a token would have many texts."""

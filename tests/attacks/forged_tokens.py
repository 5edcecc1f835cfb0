"""Tokens that an attacker can make: from the public keys, from tokens of their own, and from keys of their own.

``FORGED`` maps what is wrong with a token to the function that makes it; nearly all claim to be an admin's. Tokens
with a signature that only auth can make are in :mod:`tests.attacks.foreign_tokens`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.attacks.changed_tokens import CHANGED, OTHER_FORMS, OTHER_TEXTS
from tests.attacks.jose import compact, encoded, unsigned, written
from tests.attacks.material import (
    EVIL_KEY,
    EVIL_URL,
    Forgeries,
    Forgery,
    Material,
    es256,
    jwk,
    kept,
    kept_under,
    mac,
    ps256,
    rs256,
    signed,
    signed_without,
)

_NONE: Sequence[Any] = ("none", "None", "NONE", "nOnE", "none ", "", None, [], "EdDSA,none")

_SECRETS: Mapping[str, Callable[[Material], bytes]] = {
    "nothing": lambda _: b"",
    "the public key, raw": lambda m: m.x,
    "the public key in base64url": lambda m: encoded(m.x).encode(),
    "the public key as PEM": lambda m: m.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "the public key as PEM, stripped": lambda m: m.public_key.public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    ).strip(),
    "the public key as DER": lambda m: m.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "the public key of OpenSSH": lambda m: m.public_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    "the public key as JWK": lambda m: written(m.jwk),
    "the key set": lambda m: written({"keys": [m.jwk]}),
    "the key's id": lambda m: m.key_id.encode(),
}

_WHERE_KEYS_ARE: Mapping[str, dict[str, Any]] = {
    "jwk": {"jwk": jwk(EVIL_KEY.public_key())},
    "jku": {"jku": EVIL_URL},
    "x5u": {"x5u": EVIL_URL},
    "x5c": {"x5c": [encoded(EVIL_KEY.public_key().public_bytes_raw())]},
    "x5t": {"x5t": encoded(b"\0" * 20)},
    "jwk, jku and x5u": {"jwk": jwk(EVIL_KEY.public_key()), "jku": EVIL_URL, "x5u": EVIL_URL},
}

_KEY_IDS: Sequence[Any] = (
    "../../../../../../dev/null",
    "/dev/null",
    "file:///dev/null",
    EVIL_URL,
    {"$ne": None},
    {"$gt": ""},
    ["evil"],
    "' OR '1'='1",
    "x' UNION SELECT 'secret' --",
    "$(id)",
    "| cat /etc/passwd",
    "*",
    "",
    None,
    0,
    True,
    "\0",
    "k\u0456d",
    "k" * 2_000,
)

_SAID_BESIDES: Mapping[str, dict[str, Any]] = {
    "crit says exp": {"crit": ["exp"], "exp": 1},
    "crit is empty": {"crit": []},
    "crit is no list": {"crit": "b64"},
    "b64 and crit": {"b64": True, "crit": ["b64"]},
    "zip": {"zip": "DEF"},
    "typ JWT": {"typ": "JWT"},
    "cty JWT": {"cty": "JWT"},
}


def _hmac(digest: str, secret: Callable[[Material], bytes]) -> Forgery:
    return lambda m: compact(m.header | {"alg": f"HS{digest[3:]}"}, m.claims, mac(digest, secret(m)))


def _unencoded(m: Material) -> str:
    header = encoded(written(m.header | {"b64": False, "crit": ["b64"]}))
    payload = json.dumps(m.claims)
    return f"{header}..{encoded(EVIL_KEY.sign(f'{header}.{payload}'.encode()))}"


def _alg_twice(first: str, second: str) -> Forgery:
    def forge(m: Material) -> str:
        header = f'{{"typ":"at+jwt","kid":"{m.key_id}","alg":"{first}","alg":"{second}"}}'
        return compact(header.encode(), m.claims, m.own_signature)

    return forge


_ALGORITHMS: Forgeries = {
    **{f"alg {json.dumps(alg)}, no signature": signed(unsigned, alg=alg) for alg in _NONE},
    **{f"alg {json.dumps(alg)}, another token's signature": kept(alg=alg) for alg in _NONE},
    "no alg": signed_without("alg"),
    **{
        f"HS{digest[3:]}, the secret is {name}": _hmac(digest, secret)
        for digest in ("sha256", "sha384", "sha512")
        for name, secret in _SECRETS.items()
    },
    "RS256, a key of the attacker's": signed(rs256, alg="RS256"),
    "PS256, a key of the attacker's": signed(ps256, alg="PS256"),
    "ES256, a key of the attacker's": signed(es256, alg="ES256"),
    "EdDSA, a key of the attacker's": signed(EVIL_KEY.sign),
    "Ed25519, a key of the attacker's": signed(EVIL_KEY.sign, alg="Ed25519"),
    "EdDSA, a signature of RS256": signed(rs256),
    "EdDSA, a signature of ES256": signed(es256),
}

_KEYS: Forgeries = {
    **{f"{name}, our key id": signed(EVIL_KEY.sign, **where) for name, where in _WHERE_KEYS_ARE.items()},
    **{f"{name}, another key id": signed(EVIL_KEY.sign, kid="evil", **w) for name, w in _WHERE_KEYS_ARE.items()},
    **{f"{name}, no key id": signed_without("kid", **where) for name, where in _WHERE_KEYS_ARE.items()},
    **{f"key id {json.dumps(key_id)[:40]}": signed(EVIL_KEY.sign, kid=key_id) for key_id in _KEY_IDS},
    "no key id": signed_without("kid"),
    "our key id with a newline": lambda m: compact(m.header | {"kid": f"{m.key_id}\n"}, m.claims, EVIL_KEY.sign),
    "our key id in a list": lambda m: compact(m.header | {"kid": [m.key_id]}, m.claims, EVIL_KEY.sign),
    "HS512, the key id is an empty file": signed(mac("sha512", b""), alg="HS512", kid="../../../../../../dev/null"),
}

_HEADERS: Forgeries = {
    **{name: signed(EVIL_KEY.sign, **members) for name, members in _SAID_BESIDES.items()},
    "unencoded payload (RFC 7797)": _unencoded,
    "unencoded payload, b64 not in crit": lambda m: compact(m.header | {"b64": False}, b"", EVIL_KEY.sign),
    "alg twice, ours last": _alg_twice("none", "EdDSA"),
    "alg twice, ours first": _alg_twice("EdDSA", "none"),
    "the header is a list": kept_under(b'["EdDSA"]'),
    "the header is null": kept_under(b"null"),
    "the header is no JSON": kept_under(b"{alg:EdDSA}"),
    "the header is not UTF-8": kept_under(b'{"alg":"\xff"}'),
    "the header is UTF-16": lambda m: compact(json.dumps(m.header).encode("utf-16"), m.claims, m.own_signature),
    "a byte order mark": lambda m: compact(b"\xef\xbb\xbf" + written(m.header), m.claims, m.own_signature),
    "the header is nested deeply": lambda m: compact(b"[" * 2_500, b"{}", m.own_signature),
    "the header has a number of 2,500 digits": lambda m: compact(
        b'{"alg":' + b"9" * 2_500 + b"}", b"{}", m.own_signature
    ),
}

FORGED: Forgeries = {**_ALGORITHMS, **_KEYS, **_HEADERS, **CHANGED, **OTHER_FORMS, **OTHER_TEXTS}

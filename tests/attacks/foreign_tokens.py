"""Tokens that our own key signed and that are no access tokens all the same.

No attacker can make them. Another program that is given the secret could, and so could a mistake of auth.
"""

from collections.abc import Callable, Iterator, Mapping
from time import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.tokens import CLOCK_SKEW_SECONDS, TICKET_TYPE, TIME_MAX
from tests.attacks.jose import Part, Signer, compact, written

EXPIRED = "TOKEN_EXPIRED"
INVALID = "TOKEN_INVALID"

CLOCK_SECONDS = 20
"""Behind what a clock shows when the test looks at it, this much may pass until the token is verified."""


def user_claims(**claims: Any) -> dict[str, Any]:
    """Those of a good token of an admin, but for ``claims``; None leaves one out."""
    now = int(time())
    standard = {"iss": "ordermesh", "aud": "ordermesh", "iat": now, "exp": now + 600, "jti": "0" * 32}
    ours = {"sub": "ada", "sid": "s-1", "role": "admin", "email": "ada@example.com"}
    return {name: value for name, value in (standard | ours | claims).items() if value is not None}


def service_claims(**claims: Any) -> dict[str, Any]:
    """Those of a good token of orders, but for ``claims``."""
    return user_claims(sid=None, role=None, email=None, sub="orders", client_id="orders") | claims


Foreign = Callable[[Mapping[str, Any], Signer], str]
"""Makes a token, given the header of a good one and the signature of our key."""


def _foreign() -> Iterator[tuple[str, tuple[Foreign, str]]]:
    for name, header in _HEADERS.items():
        yield name, (_with_header(header), INVALID)
    for name, claims in _CLAIMS.items():
        yield f"claims: {name}", (_with_claims(claims), INVALID)
    for name, payload in _PAYLOADS.items():
        yield f"payload: {name}", (_with_claims(payload), INVALID)
    for name, claims in _OVER.items():
        yield name, (_with_claims(claims), EXPIRED)
    yield "signed by a key that is not in use any more", (_with_another_key, INVALID)


_HEADERS: Mapping[str, dict[str, Any]] = {
    "typ JWT": {"typ": "JWT"},
    "typ AT+JWT": {"typ": "AT+JWT"},
    "typ application/at+jwt": {"typ": "application/at+jwt"},
    "typ is empty": {"typ": ""},
    "typ is null": {"typ": None},
    "typ is a list": {"typ": ["at+jwt"]},
    "typ of a logout token": {"typ": "logout+jwt"},
    "typ of a refresh token": {"typ": "rt+jwt"},
    "typ of a ticket": {"typ": TICKET_TYPE},
    "alg Ed25519 (RFC 9864)": {"alg": "Ed25519"},
    "alg in lower case": {"alg": "eddsa"},
    "crit": {"crit": ["exp"], "exp": 1},
    "b64, said twice": {"b64": True, "crit": ["b64"]},
    "cty": {"cty": "JWT"},
    "jku": {"jku": "http://127.0.0.1:9/keys.json"},
}

_CLAIMS: Mapping[str, Callable[[], Part]] = {
    "no iss": lambda: user_claims(iss=None),
    "another iss": lambda: user_claims(iss="https://ordermesh"),
    "iss in a list": lambda: user_claims(iss=["ordermesh"]),
    "iss in capitals": lambda: user_claims(iss="OrderMesh"),
    "no aud": lambda: user_claims(aud=None),
    "another aud": lambda: user_claims(aud="web"),
    "aud is empty": lambda: user_claims(aud=""),
    "aud is a list with ours": lambda: user_claims(aud=["ordermesh", "web"]),
    "aud is a list of ours": lambda: user_claims(aud=["ordermesh"]),
    "aud is an object": lambda: user_claims(aud={"ordermesh": True}),
    "no sub": lambda: user_claims(sub=None),
    "sub is empty": lambda: user_claims(sub=""),
    "sub is a number": lambda: user_claims(sub=7),
    "sub is an object": lambda: user_claims(sub={"$ne": ""}),
    "sub is a list": lambda: user_claims(sub=["ada"]),
    "no exp": lambda: user_claims(exp=None),
    "exp is a text": lambda: user_claims(exp=str(int(time()) + 600)),
    "exp is a fraction": lambda: user_claims(exp=time() + 600),
    "exp is true": lambda: user_claims(exp=True),
    "exp is negative": lambda: user_claims(exp=-1),
    "exp is behind the end of time": lambda: user_claims(exp=TIME_MAX + 1),
    "exp is huge": lambda: user_claims(exp=10**400),
    "exp is a huge fraction": lambda: user_claims(exp=1e300),
    "exp is a list": lambda: user_claims(exp=[int(time()) + 600]),
    "no iat": lambda: user_claims(iat=None),
    "iat is a text": lambda: user_claims(iat="0"),
    "iat is true": lambda: user_claims(iat=True),
    "iat is too far in the future": lambda: user_claims(iat=int(time()) + CLOCK_SKEW_SECONDS + CLOCK_SECONDS),
    "nbf is too far in the future": lambda: user_claims(nbf=int(time()) + CLOCK_SKEW_SECONDS + CLOCK_SECONDS),
    "nbf is a text": lambda: user_claims(nbf="0"),
    "nbf is negative": lambda: user_claims(nbf=-1),
    "no jti": lambda: user_claims(jti=None),
    "jti is a number": lambda: user_claims(jti=7),
    "no sid": lambda: user_claims(sid=None),
    "sid is empty": lambda: user_claims(sid=""),
    "sid is an object": lambda: user_claims(sid={"$gt": ""}),
    "no role": lambda: user_claims(role=None),
    "role is empty": lambda: user_claims(role=""),
    "role in a list": lambda: user_claims(role=["admin"]),
    "a role nobody knows": lambda: user_claims(role="superuser"),
    "role in capitals": lambda: user_claims(role="ADMIN"),
    "no email": lambda: user_claims(email=None),
    "email is a number": lambda: user_claims(email=7),
    "a user with a client_id": lambda: user_claims(client_id="ada"),
    "a user who says to be orders": lambda: user_claims(sub="orders", client_id="orders"),
    "a service whose sub is another": lambda: service_claims(sub="notifier"),
    "a service whose client_id is another": lambda: service_claims(client_id="notifier"),
    "a service whose client_id is null": lambda: service_claims(client_id=None),
    "a service whose client_id is a list": lambda: service_claims(client_id=["orders"]),
    "a service with a role": lambda: service_claims(role="admin"),
    "a service with a session": lambda: service_claims(sid="s-1"),
}

_PAYLOADS: Mapping[str, Callable[[], Part]] = {
    "a list": lambda: b"[]",
    "null": lambda: b"null",
    "no JSON": lambda: b"ada",
    "not UTF-8": lambda: b'{"sub":"\xff"}',
    "nested deeply": lambda: b"[" * 2_500,
    "exp is Infinity": lambda: written(user_claims(exp=None))[:-1] + b',"exp":Infinity}',
    "exp is NaN": lambda: written(user_claims(exp=None))[:-1] + b',"exp":NaN}',
}

_OVER: Mapping[str, Callable[[], Part]] = {
    "expired long ago": lambda: user_claims(iat=int(time()) - 1_200, exp=int(time()) - 600),
    "expired just now": lambda: user_claims(exp=int(time())),
    "expired within what clocks may differ by": lambda: user_claims(exp=int(time()) - CLOCK_SKEW_SECONDS + 1),
    "expired before it began": lambda: user_claims(exp=0),
    "a service's, expired": lambda: service_claims(exp=int(time()) - 1),
}


def _with_header(members: Mapping[str, Any]) -> Foreign:
    return lambda header, sign: compact({**header, **members}, user_claims(), sign)


def _with_claims(claims: Callable[[], Part]) -> Foreign:
    return lambda header, sign: compact(header, claims(), sign)


def _with_another_key(header: Mapping[str, Any], _sign: Signer) -> str:
    return compact({**header, "kid": "k" * 43}, user_claims(), Ed25519PrivateKey.generate().sign)


FOREIGN: Mapping[str, tuple[Foreign, str]] = dict(_foreign())
"""What is wrong with a token, the function that makes it, and the reason it is refused with."""

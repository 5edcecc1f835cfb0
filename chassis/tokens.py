"""Verifying access tokens: JWTs signed with Ed25519 (RFC 9068, RFC 8037), their keys from a JWKS.

Auth is the only issuer, so a token is taken in the one form that auth gives it: everything that the RFCs leave
open is an attacker's choice and never ours.
"""

import re
from collections import OrderedDict
from collections.abc import Container
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chassis.call import ROLES, Identity
from chassis.clock import Clock
from chassis.errors import Unauthenticated

ISSUER = "ordermesh"
AUDIENCE = "ordermesh"
TOKEN_TYPE = "at+jwt"  # nosec B105 # noqa: S105 - RFC 9068's media type
TICKET_TYPE = "ticket+jwt"
"""No token that is taken for the one is ever taken for the other."""

ALGORITHM = "EdDSA"

TOKEN_BYTES_MAX = 4096

CLOCK_SKEW_SECONDS = 30
"""How far auth's clock may be ahead. A token's end is not stretched by it: a token is over when it says so."""

CACHE_TOKENS_MAX = 10_000

TIME_MAX = 253_402_300_799
"""The last second of the year 9999, in seconds since 1970: no later time can be represented."""

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]")
"""Three parts of base64url without padding, the last one 64 bytes: no bit of the text is without meaning.
Were padding or spare bits let through, whoever has one token would have many, and could fill the memory with them."""

_HEADER = {"alg", "kid", "typ"}
"""What the header of a token says, and no more: nothing (``jwk``, ``jku``, ``crit``) tells us where to look for keys
or how to read."""

_REQUIRED_CLAIMS = ["iss", "aud", "sub", "exp", "iat", "jti"]
_USER_CLAIMS = ("sid", "role", "email")


class TokenInvalid(Unauthenticated):
    """The token is not one of ours, or was changed."""

    reason = "TOKEN_INVALID"


class TokenExpired(Unauthenticated):
    """The token was ours and its time is over."""

    reason = "TOKEN_EXPIRED"


class TokenRevoked(Unauthenticated):
    """The token was ours, and its session was ended."""

    reason = "TOKEN_REVOKED"


class KeySource(Protocol):
    """The public keys that may have signed a token that is still valid."""

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        """The key with this id, or None when there is none (any more)."""
        ...


class _Verified(NamedTuple):
    """What a token says, and until when it can be used; a ticket's holder stays longer than that."""

    key_id: str
    identity: Identity
    use_time_max: datetime


class TokenVerifier:
    """Verifies tokens and remembers them: a verification costs about 140 us, a memory about 1.

    A remembered token still needs its key to be published, its time not to be over, and its session not to be
    among ``revocations``.
    """

    def __init__(self, keys: KeySource, clock: Clock, revocations: Container[str] = frozenset()) -> None:
        self._keys = keys
        self._clock = clock
        self._revocations = revocations
        self._verified: OrderedDict[tuple[str, bytes], _Verified] = OrderedDict()

    async def verify(self, token: str) -> Identity:
        """The identity that a valid access token stands for.

        :raises TokenExpired: when its time is over.
        :raises TokenRevoked: when its session was ended.
        :raises TokenInvalid: for every other reason.
        """
        verified = await self._verify(token, TOKEN_TYPE)
        return self._at(verified, verified.use_time_max)

    async def verify_ticket(self, ticket: str, *, is_used: bool = False) -> Identity:
        """The identity that a valid ticket stands for.

        ``is_used``: it has opened what it is for, and its holder stays as long as the token that it was made with.
        Raises what :meth:`verify` does.
        """
        verified = await self._verify(ticket, TICKET_TYPE)
        return self._at(verified, verified.identity.expire_time if is_used else verified.use_time_max)

    def _at(self, verified: _Verified, time_max: datetime) -> Identity:
        if time_max <= self._clock.now():
            raise TokenExpired("the token has expired")
        if verified.identity.session_id in self._revocations:
            raise TokenRevoked("the session was ended: log in again")
        return verified.identity

    async def _verify(self, token: str, token_type: str) -> _Verified:
        if len(token) > TOKEN_BYTES_MAX:
            raise TokenInvalid("the token is too long")
        if not token.isascii():
            raise TokenInvalid("the token is malformed")
        digest = (token_type, sha256(token.encode()).digest())
        remembered = self._verified.get(digest)
        verified = remembered or await self._verify_anew(token, token_type)
        if await self._keys.key(verified.key_id) is None:
            self._verified.pop(digest, None)
            raise TokenInvalid("the token's key is not in use")
        if verified.identity.expire_time <= self._clock.now():
            self._verified.pop(digest, None)
        elif remembered is None:
            self._remember(digest, verified)
        return verified

    def _remember(self, digest: tuple[str, bytes], verified: _Verified) -> None:
        self._verified[digest] = verified
        while len(self._verified) > CACHE_TOKENS_MAX:
            self._verified.popitem(last=False)

    async def _verify_anew(self, token: str, token_type: str) -> _Verified:
        key_id = _key_id(token, token_type)
        key = await self._keys.key(key_id)
        if key is None:
            raise TokenInvalid("the token's key is not in use")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={
                    "require": _REQUIRED_CLAIMS,
                    "strict_aud": True,
                    "verify_exp": False,  # times are checked below: by our clock, and as whole numbers only
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise TokenInvalid("the token is not valid") from error
        if token_type == TICKET_TYPE:
            return _Verified(key_id, self._ticket_identity(claims), _moment(claims, "exp"))
        return _Verified(key_id, self._identity(claims), _moment(claims, "exp"))

    def _ticket_identity(self, claims: dict[str, Any]) -> Identity:
        identity = self._identity(claims)
        if identity.kind != "user":
            raise TokenInvalid("the token is not valid")
        return replace(identity, ticket_for=_text(claims, "for"), expire_time=_moment(claims, "end"))

    def _identity(self, claims: dict[str, Any]) -> Identity:
        latest = self._clock.now().timestamp() + CLOCK_SKEW_SECONDS
        if _time(claims, "iat") > latest or ("nbf" in claims and _time(claims, "nbf") > latest):
            raise TokenInvalid("the token is not valid yet")
        expire_time = _moment(claims, "exp")
        subject = _text(claims, "sub")
        if "client_id" in claims:
            if claims["client_id"] != subject or any(name in claims for name in _USER_CLAIMS):
                raise TokenInvalid("the token is not valid")
            return Identity("service", subject, role="", email="", session_id="", expire_time=expire_time)
        role = _text(claims, "role")
        if role not in ROLES:
            raise TokenInvalid("the token is not valid")
        email, session_id = _text(claims, "email"), _text(claims, "sid")
        return Identity("user", subject, role=role, email=email, session_id=session_id, expire_time=expire_time)


def _key_id(token: str, token_type: str) -> str:
    """Which key a token says it was signed with, if it has the form and the header of one of ours."""
    if not _FORM.fullmatch(token):
        raise TokenInvalid("the token is malformed")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise TokenInvalid("the token is malformed") from error
    key_id = header.get("kid")
    ours = header.keys() == _HEADER and header["typ"] == token_type and header["alg"] == ALGORITHM
    if not ours or not isinstance(key_id, str):
        raise TokenInvalid("the token is of another kind")
    return key_id


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise TokenInvalid("the token is not valid")
    return value


def _moment(claims: dict[str, Any], name: str) -> datetime:
    return datetime.fromtimestamp(_time(claims, name), UTC)


def _time(claims: dict[str, Any], name: str) -> int:
    """A claim that is a time, in whole seconds since 1970; True, "1" and 1.0 are none."""
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= TIME_MAX:
        raise TokenInvalid("the token is not valid")
    return value

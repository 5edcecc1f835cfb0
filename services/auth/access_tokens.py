"""Signing access tokens (RFC 9068). How they are verified is in :mod:`chassis.tokens`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import jwt

from chassis.call import Identity
from chassis.clock import Clock
from chassis.tokens import ALGORITHM, AUDIENCE, ISSUER, TICKET_TYPE, TOKEN_TYPE
from services.auth.keys import KeyRing
from services.auth.user import User

USER_TOKEN_SECONDS = 600
SERVICE_TOKEN_SECONDS = 300
TICKET_SECONDS = 60
"""How long a ticket can be used to open what it is for."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token, and how long it is valid."""

    text: str = field(repr=False)
    expires_in_seconds: int


class AccessTokens:
    """Signs tokens with the current key."""

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._key = keys.current
        self._clock = clock

    def for_user(self, user: User, session_id: str) -> AccessToken:
        """A token that says who the user is, and in which session."""
        claims = {"sub": user.user_id, "sid": session_id, "role": user.role.value, "email": user.email}
        return self._sign(claims, USER_TOKEN_SECONDS)

    def for_service(self, client_id: str) -> AccessToken:
        """A token that says which service calls. ``client_id`` among the claims tells it from a user's."""
        return self._sign({"sub": client_id, "client_id": client_id}, SERVICE_TOKEN_SECONDS)

    def ticket(self, holder: Identity, resource: str) -> AccessToken:
        """What opens one resource to a user who is logged in; whoever used it stays as long as their token lives."""
        claims: dict[str, str | int] = {
            "sub": holder.subject,
            "sid": holder.session_id,
            "role": holder.role,
            "email": holder.email,
            "for": resource,
            "end": int(holder.expire_time.timestamp()),
        }
        return self._sign(claims, TICKET_SECONDS, TICKET_TYPE)

    def _sign(self, claims: Mapping[str, str | int], seconds: int, token_type: str = TOKEN_TYPE) -> AccessToken:
        now = self._clock.now()
        standard = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + timedelta(seconds=seconds),
            "jti": uuid4().hex,
        }
        headers = {"typ": token_type, "kid": self._key.key_id}
        text = jwt.encode({**standard, **claims}, self._key.private_key, algorithm=ALGORITHM, headers=headers)
        return AccessToken(text, seconds)

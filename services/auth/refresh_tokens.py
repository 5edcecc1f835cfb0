"""Refresh tokens: ``<session id>.<generation>.<MAC>``, opaque to clients, stored nowhere.

The MAC is HMAC-SHA256 under a key derived from ``JWT_REFRESH_SECRET``, over the session's id, the
generation and the session's salt. So a copy of the database makes no token, and the secret alone does
not either.
"""

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chassis.config import Secret
from chassis.violations import Violations
from services.auth.keys import base64url
from services.auth.session import Session

REFRESH_TOKEN_LENGTH_MAX = 512
"""Ours are shorter than 90; anything longer is not worth looking at."""

MAC_KEY_BYTES = 32
_PURPOSE = b"ordermesh refresh token"
_FORM = re.compile(r"([0-9a-f]{32})\.([1-9][0-9]{0,8})\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """What a client sent, taken apart and not yet believed."""

    session_id: str
    generation: int
    mac: str = field(repr=False)


class RefreshTokens:
    """Makes refresh tokens, and knows its own: also those made under the other secret, which is ``previous``.

    While secrets are rotated that is first the next one, and then the one before: replicas of neighbouring steps serve
    side by side, and each must know what the other makes.
    """

    def __init__(self, secret: Secret, previous: Secret | None = None) -> None:
        self._key = _derive(secret)
        self._accepted_keys = [self._key] + ([_derive(previous)] if previous else [])

    def newest_of(self, session: Session) -> str:
        """The token of the session's newest generation: the same as often as it is asked for."""
        mac = _mac(self._key, session, session.generation)
        return f"{session.session_id}.{session.generation}.{mac}"

    def is_genuine(self, token: PresentedToken, session: Session) -> bool:
        """Whether the token was made here, for this session, at any time."""
        macs = [_mac(key, session, token.generation) for key in self._accepted_keys]
        return any([hmac.compare_digest(mac, token.mac) for mac in macs])  # noqa: C419 - each is compared, every time


def check_refresh_token(text: str) -> None:
    """Whether it is worth looking at.

    :raises InvalidArgument: when there is none, or it is far too long.
    """
    violations = Violations()
    violations.require(
        1 <= len(text) <= REFRESH_TOKEN_LENGTH_MAX,
        "refresh_token",
        f"must have 1 to {REFRESH_TOKEN_LENGTH_MAX} characters",
    )
    violations.check()


def parse_refresh_token(text: str) -> PresentedToken | None:
    """Take a token apart; None when it has not the form of one."""
    match = _FORM.fullmatch(text)
    return PresentedToken(match[1], int(match[2]), match[3]) if match else None


def _derive(secret: Secret) -> bytes:
    return HKDF(algorithm=SHA256(), length=MAC_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.reveal().encode())


def _mac(key: bytes, session: Session, generation: int) -> str:
    message = f"{session.session_id}.{generation}.".encode() + session.salt
    return base64url(hmac.digest(key, message, sha256))

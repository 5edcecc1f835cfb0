"""What a login and a refresh answer: an access token and the session's newest refresh token."""

from dataclasses import dataclass, field

from chassis.clock import Clock
from services.auth.access_tokens import AccessToken, AccessTokens
from services.auth.refresh_tokens import RefreshTokens
from services.auth.session import Session
from services.auth.user import User


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The tokens of a session. The refresh token's time is counted from now, when it is not used."""

    access: AccessToken
    refresh_token: str = field(repr=False)
    refresh_expires_in_seconds: int


@dataclass(frozen=True)
class TokenPairs:
    """Makes the pair that stands for a user and the present state of their session."""

    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    clock: Clock

    def of(self, user: User, session: Session) -> TokenPair:
        """A new access token, and the session's newest refresh token."""
        return TokenPair(
            access=self.access_tokens.for_user(user, session.session_id),
            refresh_token=self.refresh_tokens.newest_of(session),
            refresh_expires_in_seconds=int((session.idle_expire_time - self.clock.now()).total_seconds()),
        )

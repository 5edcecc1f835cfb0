"""Logging out: one session by its refresh token, or all of an account."""

from dataclasses import dataclass

from chassis.errors import InvalidArgument, Violation
from services.auth.end_sessions import EndSessions
from services.auth.errors import AccountGone
from services.auth.refresh_tokens import RefreshTokens, check_refresh_token, parse_refresh_token
from services.auth.store import AuthStore


@dataclass(frozen=True)
class Logout:
    """Ends the session of a genuine refresh token, however old it is; an invented one ends nothing."""

    store: AuthStore
    refresh_tokens: RefreshTokens
    end_sessions: EndSessions

    async def __call__(self, refresh_token: str) -> None:
        """Nobody is told whether there was such a session (RFC 7009).

        :raises InvalidArgument: when it has not the form of a refresh token.
        """
        check_refresh_token(refresh_token)
        token = parse_refresh_token(refresh_token)
        if token is None:
            raise InvalidArgument([Violation("refresh_token", "is not a refresh token")])
        session = await self.store.session(token.session_id)
        if session and session.revoke_time is None and self.refresh_tokens.is_genuine(token, session):
            await self.end_sessions.one(session, "logout")


@dataclass(frozen=True)
class LogoutAll:
    """Ends all sessions of an account."""

    store: AuthStore
    end_sessions: EndSessions

    async def __call__(self, user_id: str) -> None:
        """No session that began before is good for anything when this returns.

        :raises AccountGone: when there is no such account.
        """
        user = await self.store.end_epoch(user_id)
        if user is None:
            raise AccountGone
        await self.end_sessions.before_epoch_of(user, "logout of all")

"""Refreshing: the newest refresh token of a session for the next pair of tokens."""

from dataclasses import dataclass

from chassis.clock import Clock
from services.auth.end_sessions import EndSessions
from services.auth.errors import InvalidRefreshToken
from services.auth.limits import AuthLimits
from services.auth.refresh_tokens import PresentedToken, RefreshTokens, check_refresh_token, parse_refresh_token
from services.auth.security_log import Event, note
from services.auth.session import Session
from services.auth.store import AuthStore
from services.auth.token_pairs import TokenPair, TokenPairs
from services.auth.user import User


@dataclass(frozen=True)
class Refresh:
    """Exchanges refresh tokens, each once.

    The generation before the newest is answered the same successor again for a few seconds: parallel
    tabs and lost answers must not log anybody out. Any older one is taken for stolen and ends the session.
    """

    store: AuthStore
    refresh_tokens: RefreshTokens
    token_pairs: TokenPairs
    end_sessions: EndSessions
    clock: Clock
    limits: AuthLimits

    async def __call__(self, refresh_token: str) -> TokenPair:
        """The next tokens of the session. The account is read again: its role may have changed.

        :raises InvalidArgument: when there is no token, or it is far too long.
        :raises RateLimited: when it was tried too often.
        :raises InvalidRefreshToken: when it is not ours, was used up, or its session is over.
        """
        check_refresh_token(refresh_token)
        self.limits.refresh()
        token = parse_refresh_token(refresh_token)
        session = await self._session_of(token)
        if token is None or session is None or session.is_over(self.clock.now()):
            raise InvalidRefreshToken
        self.limits.refresh_of(session.session_id)
        await self._user_of(session)
        session = await self._successor(token, session)
        # Again: all sessions may have been ended meanwhile, and one that lay idle was not looked for.
        return self.token_pairs.of(await self._user_of(session), session)

    async def _user_of(self, session: Session) -> User:
        """The account, whose epoch the session must be of."""
        user = await self.store.user(session.user_id)
        if user is None or not session.is_of(user):
            raise InvalidRefreshToken
        return user

    async def _session_of(self, token: PresentedToken | None) -> Session | None:
        """The session of a genuine token; an invented one revokes nothing."""
        session = await self.store.session(token.session_id) if token else None
        return session if token and session and self.refresh_tokens.is_genuine(token, session) else None

    async def _successor(self, token: PresentedToken, session: Session) -> Session:
        """The session whose newest token is the successor of ``token``."""
        now = self.clock.now()
        moved: Session | None = session
        if token.generation == session.generation:
            moved = await self.store.rotate_session(session, now)
        if moved is None or moved.is_over(now):
            raise InvalidRefreshToken
        if moved.repeats(token.generation, now):
            return moved
        if token.generation < moved.generation:
            note(Event.REFRESH_TOKEN_REUSED, user_id=moved.user_id, session_id=moved.session_id)
            await self.end_sessions.one(moved, "an old refresh token was used again")
        raise InvalidRefreshToken

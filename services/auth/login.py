"""Logging in: a session for whoever knows the password."""

import logging
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.violations import Violations
from services.auth.email_address import NotAnAddress, normalise
from services.auth.end_sessions import EndSessions
from services.auth.errors import InvalidCredentials
from services.auth.limits import AuthLimits
from services.auth.passwords import PASSWORD_LENGTH_MAX, Passwords
from services.auth.security_log import Event, note
from services.auth.session import Session, begin_session
from services.auth.store import AuthStore
from services.auth.token_pairs import TokenPair, TokenPairs

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Login:
    """Opens sessions. An unknown address and a wrong password are the same answer in the same time."""

    store: AuthStore
    passwords: Passwords
    token_pairs: TokenPairs
    end_sessions: EndSessions
    clock: Clock
    limits: AuthLimits

    async def __call__(self, email: str, password: str) -> TokenPair:
        """The first tokens of a new session.

        :raises InvalidArgument: when there is no address or no password, or it cannot be one.
        :raises RateLimited: when it was tried too often, whether there is such an account or not.
        :raises InvalidCredentials: when the address is unknown or the password is wrong.
        :raises HashingOverloaded: when too many passwords wait.
        """
        email = _checked(email, password)
        with self.limits.login(email):
            user = await self.store.user_with_email(email)
            verdict = await self.passwords.verify(password, user.password_hash if user else None)
            if user is not None and verdict.fault:
                _log.error("user %s cannot log in: their password hash %s", user.user_id, verdict.fault)
            if user is None or not verdict.matches:
                note(Event.LOGIN_REFUSED, user_id=user.user_id if user else None)
                raise InvalidCredentials
        if verdict.new_hash is not None:
            await self.store.replace_password_hash(user.user_id, user.password_hash, verdict.new_hash)
        session = begin_session(user, self.clock.now())
        await self.store.add_session(session)
        await self._require_same_epoch(session)
        note(Event.LOGIN, user_id=user.user_id, session_id=session.session_id)
        return self.token_pairs.of(user, session)

    async def _require_same_epoch(self, session: Session) -> None:
        """All sessions may have been ended while the password was verified: this one came too late to be seen."""
        user = await self.store.user(session.user_id)
        if user is None or not session.is_of(user):
            await self.end_sessions.one(session, "all sessions were ended during the login")
            raise InvalidCredentials


def _checked(email: str, password: str) -> str:
    violations = Violations()
    try:
        email = normalise(email)
    except NotAnAddress as error:
        violations.add("email", str(error))
    violations.require(
        1 <= len(password) <= PASSWORD_LENGTH_MAX, "password", f"must have 1 to {PASSWORD_LENGTH_MAX} characters"
    )
    violations.check()
    return email

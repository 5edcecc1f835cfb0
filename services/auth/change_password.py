"""Changing a password: whoever knows the old one sets the new one, and all other sessions end."""

import logging
from dataclasses import dataclass

from chassis.call import Identity
from chassis.clock import Clock
from chassis.violations import Violations
from services.auth.end_sessions import EndSessions
from services.auth.errors import AccountGone, SessionOver, WrongPassword
from services.auth.limits import AuthLimits
from services.auth.new_password import fault_of
from services.auth.passwords import PASSWORD_LENGTH_MAX, Passwords
from services.auth.security_log import Event, note
from services.auth.store import AuthStore
from services.auth.user import User

_log = logging.getLogger(__name__)

TRIES = 2
"""A login may replace the hash at the same time, by one with newer parameters."""


@dataclass(frozen=True)
class ChangePassword:
    """Replaces the hash that was verified, and no other. The session that asks goes on."""

    store: AuthStore
    passwords: Passwords
    end_sessions: EndSessions
    clock: Clock
    limits: AuthLimits

    async def __call__(self, caller: Identity, old_password: str, new_password: str) -> None:
        """Change the password of the caller's account.

        :raises InvalidArgument: with everything that is wrong with the request.
        :raises AccountGone: when the account was removed.
        :raises SessionOver: when the caller's session has ended.
        :raises RateLimited: when it was tried too often; such tries count like failed logins of the account.
        :raises WrongPassword: when the old password is wrong.
        :raises HashingOverloaded: when too many passwords wait.
        """
        _check(old_password, new_password)
        changed = None
        for _ in range(TRIES):
            changed = changed or await self._change(caller, old_password, new_password)
        if changed is None:
            raise WrongPassword
        note(Event.PASSWORD_CHANGED, user_id=changed.user_id, session_id=caller.session_id)
        await self.store.move_session(caller.session_id, changed.session_epoch)
        await self.end_sessions.before_epoch_of(changed, "the password was changed")

    async def _change(self, caller: Identity, old_password: str, new_password: str) -> User | None:
        """The account with its new password; None when its hash was replaced while this one was verified."""
        user = await self.store.user(caller.subject)
        if user is None:
            raise AccountGone
        session = await self.store.session(caller.session_id)
        if session is None or session.is_over(self.clock.now()) or not session.is_of(user):
            raise SessionOver
        with self.limits.login(user.email):
            verdict = await self.passwords.verify(old_password, user.password_hash)
            if verdict.fault:
                _log.error("user %s cannot change their password: its hash %s", user.user_id, verdict.fault)
            if not verdict.matches:
                note(Event.PASSWORD_CHANGE_REFUSED, user_id=user.user_id, session_id=session.session_id)
                raise WrongPassword
        new_hash = await self.passwords.hash(new_password)
        return await self.store.change_password(user.user_id, user.password_hash, new_hash)


def _check(old_password: str, new_password: str) -> None:
    violations = Violations()
    violations.require(
        1 <= len(old_password) <= PASSWORD_LENGTH_MAX,
        "old_password",
        f"must have 1 to {PASSWORD_LENGTH_MAX} characters",
    )
    if fault := fault_of(new_password):
        violations.add("new_password", fault)
    violations.check()

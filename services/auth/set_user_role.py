"""Deciding what an account may do."""

from dataclasses import dataclass

from chassis.call import Identity
from chassis.clock import Clock
from chassis.interceptors.authenticate import AdminRequired
from chassis.violations import Violations
from services.auth.end_sessions import EndSessions
from services.auth.errors import UserNotFound
from services.auth.security_log import Event, note
from services.auth.store import AuthStore
from services.auth.user import Role, User


@dataclass(frozen=True)
class SetUserRole:
    """Changes roles. The account's sessions end: their tokens say what it was allowed before."""

    store: AuthStore
    end_sessions: EndSessions
    clock: Clock

    async def __call__(self, caller: Identity, user_id: str, role: Role | None) -> User:
        """The account as it is now; a role that it has already changes nothing.

        :raises InvalidArgument: when the request names no account or no role.
        :raises AdminRequired: when the caller is no admin (any more), whatever their token says.
        :raises UserNotFound: when there is no such account.
        """
        violations = Violations()
        violations.require(bool(user_id), "user_id", "is missing")
        violations.require(role is not None, "role", "must be CUSTOMER or ADMIN")
        violations.check()
        assert role is not None, "it was checked"
        await self._require_admin(caller)
        before = await self.store.user(user_id)
        user = await self.store.set_role(user_id, role)
        if before is None or user is None:
            raise UserNotFound
        if user.session_epoch != before.session_epoch:
            note(Event.ROLE_CHANGED, user_id=user_id, role=user.role.value, by=caller.subject)
        await self.end_sessions.before_epoch_of(user, "the role was changed")
        return user

    async def _require_admin(self, caller: Identity) -> None:
        admin = await self.store.user(caller.subject)
        session = await self.store.session(caller.session_id)
        is_admin = admin is not None and admin.role is Role.ADMIN
        if not (admin and is_admin and session and session.is_of(admin) and not session.is_over(self.clock.now())):
            raise AdminRequired("this method is for admins")

"""Deciding what an account may do, as the operator."""

from dataclasses import dataclass

from chassis.clock import Clock
from services.auth.email_address import normalise
from services.auth.store import AuthStore
from services.auth.user import Role, User


@dataclass(frozen=True)
class GrantRole:
    """Changes roles for the operator, and ends the account's sessions; auth announces that within a second."""

    store: AuthStore
    clock: Clock

    async def __call__(self, email: str, role: Role) -> User | None:
        """The account as it is now, or None when there is none with this address.

        :raises NotAnAddress: when ``email`` cannot be one.
        """
        user = await self.store.user_with_email(normalise(email))
        user = await self.store.set_role(user.user_id, role) if user else None
        if user is not None:
            await self.store.revoke_sessions(user, self.clock.now())
        return user

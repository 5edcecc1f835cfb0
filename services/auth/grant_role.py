"""Deciding what an account may do."""

from dataclasses import dataclass

from services.auth.email_address import normalise
from services.auth.store import AuthStore
from services.auth.user import Role, User


@dataclass(frozen=True)
class GrantRole:
    """Changes roles. A token that was issued before keeps the old role until it expires."""

    store: AuthStore

    async def __call__(self, email: str, role: Role) -> User | None:
        """The account as it is now, or None when there is none with this address.

        :raises NotAnAddress: when ``email`` cannot be one.
        """
        return await self.store.set_role(normalise(email), role)

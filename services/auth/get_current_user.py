"""Reading the caller's own account."""

from dataclasses import dataclass

from services.auth.errors import AccountGone
from services.auth.store import AuthStore
from services.auth.user import User


@dataclass(frozen=True)
class GetCurrentUser:
    """Reads accounts by the id in their token."""

    store: AuthStore

    async def __call__(self, user_id: str) -> User:
        """The account.

        :raises AccountGone: when it does not exist any more.
        """
        user = await self.store.user(user_id)
        if user is None:
            raise AccountGone
        return user

"""What auth keeps, in its own words."""

from datetime import datetime
from typing import Protocol

from chassis.crash_points import Port
from services.auth.session import Session
from services.auth.user import Role, User


class AuthStore(Protocol):
    """Keeps accounts and sessions."""

    async def add_user(self, user: User) -> None:
        """Keep a new account.

        :raises EmailTaken: when another account has its address.
        """
        ...

    async def user(self, user_id: str) -> User | None:
        """The account with this id."""
        ...

    async def user_with_email(self, email: str) -> User | None:
        """The account with this normalised address."""
        ...

    async def replace_password_hash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        """Replace the hash unless it is another one by now."""
        ...

    async def set_role(self, email: str, role: Role) -> User | None:
        """Change what the account with this address may do; the account as it is then, or None."""
        ...

    async def add_session(self, session: Session) -> None:
        """Keep a new session."""
        ...

    async def session(self, session_id: str) -> Session | None:
        """The session with this id."""
        ...

    async def rotate_session(self, session: Session, now: datetime) -> Session | None:
        """Move ``session`` one generation on, unless it was moved on or revoked meanwhile.

        Of callers that hold the same state of a session exactly one moves it. All of them are
        answered the session as it is then, or None when it is no more.
        """
        ...

    async def revoke_session(self, session_id: str, now: datetime) -> None:
        """End the session. One that was revoked before keeps its time."""
        ...


STORE_PORT = Port(
    "auth.store",
    AuthStore,
    effects=("add_user", "replace_password_hash", "set_role", "add_session", "rotate_session", "revoke_session"),
    reads=("user", "user_with_email", "session"),
)

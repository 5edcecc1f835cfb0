"""What auth keeps, in its own words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from chassis.crash_points import Port
from chassis.revocations import Revocation
from services.auth.session import Session
from services.auth.user import Role, User


class AuthStore(Protocol):
    """Keeps accounts and sessions."""

    async def add_user(self, user: User) -> None:
        """Keep a new account.

        :raises EmailTaken: when another account has its address.
        """
        ...

    async def add_users(self, users: Sequence[User]) -> list[str]:
        """Keep new accounts, each of another address, in one round trip.

        Answered are the addresses that another account had before: these are left as they are.
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

    async def change_password(self, user_id: str, old_hash: str, new_hash: str) -> User | None:
        """Replace the hash and begin a new session epoch, unless the hash is another one by now.

        The account as it is then, or None when nothing was changed.
        """
        ...

    async def set_role(self, user_id: str, role: Role) -> User | None:
        """Change what the account may do and begin a new session epoch, unless it has this role already.

        The account as it is then, or None when there is none.
        """
        ...

    async def end_epoch(self, user_id: str) -> User | None:
        """Begin a new session epoch; the account as it is then, or None when there is none."""
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

    async def revoke_sessions(self, user: User, now: datetime) -> list[Revocation]:
        """Mark the account's sessions of earlier epochs that may have a living access token; those marked just now.

        The epoch has ended all of them, and those that were not refreshed lately have nothing else that is to be
        refused. One that is added or refreshed meanwhile may be missed: whoever does either looks at the account's
        epoch afterwards.
        """
        ...

    async def move_session(self, session_id: str, epoch: int) -> bool:
        """Let a session go on in a new epoch; whether it was not over yet."""
        ...

    async def revoked_since(self, time: datetime) -> list[Revocation]:
        """The sessions that were ended at ``time`` or later."""
        ...


STORE_PORT = Port(
    "auth.store",
    AuthStore,
    effects=(
        *("add_user", "add_users", "replace_password_hash", "change_password", "set_role", "end_epoch"),
        *("add_session", "rotate_session", "revoke_session", "revoke_sessions", "move_session"),
    ),
    reads=("user", "user_with_email", "session", "revoked_since"),
)

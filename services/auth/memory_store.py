"""The store in memory: for tests, held to the same contract as the one in MongoDB."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chassis.revocations import REMEMBERED, Revocation
from services.auth.errors import EmailTaken
from services.auth.session import Session
from services.auth.user import Role, User


class MemoryStore:
    """See :class:`services.auth.store.AuthStore`. Nothing awaits inside, so each method is atomic."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._user_ids: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}

    async def add_user(self, user: User) -> None:
        """See the port."""
        if user.email in self._user_ids:
            raise EmailTaken
        self._users[user.user_id] = user
        self._user_ids[user.email] = user.user_id

    async def add_users(self, users: Sequence[User]) -> list[str]:
        """See the port."""
        taken = [user.email for user in users if user.email in self._user_ids]
        for user in users:
            if user.email not in taken:
                await self.add_user(user)
        return taken

    async def user(self, user_id: str) -> User | None:
        """See the port."""
        return self._users.get(user_id)

    async def user_with_email(self, email: str) -> User | None:
        """See the port."""
        return self._users.get(self._user_ids.get(email, ""))

    async def replace_password_hash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        """See the port."""
        user = self._users.get(user_id)
        if user is not None and user.password_hash == old_hash:
            self._users[user_id] = replace(user, password_hash=new_hash)

    async def change_password(self, user_id: str, old_hash: str, new_hash: str) -> User | None:
        """See the port."""
        user = self._users.get(user_id)
        if user is None or user.password_hash != old_hash:
            return None
        return self._in_new_epoch(replace(user, password_hash=new_hash))

    async def set_role(self, user_id: str, role: Role) -> User | None:
        """See the port."""
        user = self._users.get(user_id)
        if user is None or user.role is role:
            return user
        return self._in_new_epoch(replace(user, role=role))

    async def end_epoch(self, user_id: str) -> User | None:
        """See the port."""
        user = self._users.get(user_id)
        return self._in_new_epoch(user) if user else None

    def _in_new_epoch(self, user: User) -> User:
        self._users[user.user_id] = changed = replace(user, session_epoch=user.session_epoch + 1)
        return changed

    async def add_session(self, session: Session) -> None:
        """See the port."""
        self._sessions[session.session_id] = session

    async def session(self, session_id: str) -> Session | None:
        """See the port."""
        return self._sessions.get(session_id)

    async def rotate_session(self, session: Session, now: datetime) -> Session | None:
        """See the port."""
        kept = self._sessions.get(session.session_id)
        if kept is None or kept.revoke_time is not None or kept.generation != session.generation:
            return kept
        self._sessions[kept.session_id] = rotated = replace(
            kept,
            generation=kept.generation + 1,
            rotate_time=now,
            idle_expire_time=session.idle_expire_time_from(now),
        )
        return rotated

    async def revoke_session(self, session_id: str, now: datetime) -> None:
        """See the port."""
        kept = self._sessions.get(session_id)
        if kept is not None and kept.revoke_time is None:
            self._sessions[session_id] = replace(kept, revoke_time=now)

    async def revoke_sessions(self, user: User, now: datetime) -> list[Revocation]:
        """See the port."""
        ended = [
            session
            for session in self._sessions.values()
            if session.user_id == user.user_id
            and session.rotate_time >= now - REMEMBERED
            and session.epoch < user.session_epoch
            and session.revoke_time is None
        ]
        for session in ended:
            self._sessions[session.session_id] = replace(session, revoke_time=now)
        return [Revocation(session.session_id, now) for session in ended]

    async def move_session(self, session_id: str, epoch: int) -> bool:
        """See the port."""
        kept = self._sessions.get(session_id)
        if kept is None or kept.revoke_time is not None:
            return False
        self._sessions[session_id] = replace(kept, epoch=epoch)
        return True

    async def revoked_since(self, time: datetime) -> list[Revocation]:
        """See the port."""
        return [
            Revocation(session.session_id, session.revoke_time)
            for session in self._sessions.values()
            if session.revoke_time is not None and session.revoke_time >= time
        ]

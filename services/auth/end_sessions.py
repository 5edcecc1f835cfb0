"""Ending sessions: no token of them is good for anything any more."""

from dataclasses import dataclass

from chassis.clock import Clock
from chassis.revocations import Revocation, Revocations
from services.auth.announcements import Announcer
from services.auth.security_log import Event, note
from services.auth.session import Session
from services.auth.store import AuthStore
from services.auth.user import User


@dataclass(frozen=True)
class EndSessions:
    """Ends sessions in the store, here at once, and everywhere as soon as the announcer has told it."""

    store: AuthStore
    revocations: Revocations
    announcer: Announcer
    clock: Clock

    async def one(self, session: Session, why: str) -> None:
        """End one session."""
        now = self.clock.now()
        await self.store.revoke_session(session.session_id, now)
        self._tell([Revocation(session.session_id, now)])
        note(Event.SESSION_ENDED, user_id=session.user_id, session_id=session.session_id, why=why)

    async def before_epoch_of(self, user: User, why: str) -> None:
        """Have the access tokens refused of all sessions that the account's epoch has ended."""
        ended = await self.store.revoke_sessions(user, self.clock.now())
        self._tell(ended)
        if ended:
            note(Event.SESSIONS_ENDED, user_id=user.user_id, count=len(ended), why=why)

    def _tell(self, ended: list[Revocation]) -> None:
        self.revocations.add(ended)
        self.announcer.wake()

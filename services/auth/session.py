"""A session: what one login opens, and what its refresh tokens may still do.

A session stores no token. It counts generations: each use of the newest refresh token moves the count
on, and any generation's token can be computed again from the session's salt.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from services.auth.user import User

LIFE = timedelta(days=30)
"""A session ends this long after its login, however busy it was."""

IDLE_LIFE = timedelta(days=7)
"""A session that is not refreshed for this long ends."""

REPEAT_GRACE = timedelta(seconds=10)
"""Parallel tabs and lost answers: the generation before the newest is answered again for this long."""

SALT_BYTES = 16
GENERATION_FIRST = 1


@dataclass(frozen=True, slots=True)
class Session:
    """One login and its refresh tokens. ``generation`` is that of the newest token.

    ``epoch`` is the account's session epoch that it belongs to; a later one ends it.
    """

    session_id: str
    user_id: str
    salt: bytes = field(repr=False)
    generation: int
    rotate_time: datetime
    idle_expire_time: datetime
    expire_time: datetime
    epoch: int = 0
    revoke_time: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it was revoked, lay idle for too long, or lived its whole life."""
        return self.revoke_time is not None or now >= self.idle_expire_time or now >= self.expire_time

    def is_of(self, user: User) -> bool:
        """Whether it is the account's, and began after all sessions were ended last."""
        return self.user_id == user.user_id and self.epoch == user.session_epoch

    def repeats(self, generation: int, now: datetime) -> bool:
        """Whether ``generation`` was just exchanged for the newest one, which nobody has used yet.

        Were the newest one used, the session would be one generation further.
        """
        return generation == self.generation - 1 and now - self.rotate_time <= REPEAT_GRACE

    def idle_expire_time_from(self, now: datetime) -> datetime:
        """When it ends if it is refreshed now and never again."""
        return min(now + IDLE_LIFE, self.expire_time)


def begin_session(user: User, now: datetime) -> Session:
    """The session that a login opens."""
    return Session(
        session_id=uuid4().hex,
        user_id=user.user_id,
        salt=secrets.token_bytes(SALT_BYTES),
        generation=GENERATION_FIRST,
        rotate_time=now,
        idle_expire_time=now + IDLE_LIFE,
        expire_time=now + LIFE,
        epoch=user.session_epoch,
    )

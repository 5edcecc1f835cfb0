"""What auth's tests talk about: Ada, the use cases over a store, and the secrets."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

from chassis.call import Identity
from chassis.config import Secret
from chassis.mongo import Database
from chassis.revocations import Revocations
from chassis.testing import ManualClock
from services.auth.access_tokens import AccessTokens
from services.auth.announcements import Announcements, Announcer, MemoryAnnouncements
from services.auth.change_password import ChangePassword
from services.auth.end_sessions import EndSessions
from services.auth.hash_parameters import HashParameters
from services.auth.keys import KeyRing
from services.auth.limits import AuthLimits, unlimited
from services.auth.login import Login
from services.auth.logout import Logout, LogoutAll
from services.auth.passwords import Passwords
from services.auth.refresh import Refresh
from services.auth.refresh_tokens import RefreshTokens, parse_refresh_token
from services.auth.register import Register
from services.auth.session import Session
from services.auth.set_user_role import SetUserRole
from services.auth.store import AuthStore
from services.auth.token_pairs import TokenPairs

CHEAP = HashParameters(memory_kib=128, rounds=1)
"""For tests to which a hash is only something that was verified."""

JWT_SECRET = Secret("the secret that access tokens are signed with")
REFRESH_SECRET = Secret("the secret that refresh tokens are made with")


def end_sessions_over(store: AuthStore, clock: ManualClock, announcements: Announcements | None = None) -> EndSessions:
    """What ends sessions; nothing is announced unless the test says so."""
    revocations = Revocations(clock)
    announcer = Announcer(store, announcements or MemoryAnnouncements(), revocations, clock)
    return EndSessions(store, revocations, announcer, clock)


@dataclass(frozen=True)
class Auth:
    """The use cases over one store, and the clock that they all see."""

    store: AuthStore
    clock: ManualClock
    register: Register
    login: Login
    refresh: Refresh
    logout: Logout
    logout_all: LogoutAll
    change_password: ChangePassword
    set_user_role: SetUserRole
    revocations: Revocations
    announcer: Announcer

    async def ada_logs_in(self) -> str:
        """The refresh token of Ada's new session."""
        return (await self.login("ada@example.com", "correct horse")).refresh_token

    async def session_of(self, refresh_token: str) -> Session:
        """The session that a refresh token belongs to."""
        token = parse_refresh_token(refresh_token)
        assert token is not None
        session = await self.store.session(token.session_id)
        assert session is not None
        return session

    async def caller(self, refresh_token: str) -> Identity:
        """Who calls with the access token that belongs to a refresh token."""
        session = await self.session_of(refresh_token)
        user = await self.store.user(session.user_id)
        assert user is not None
        expire_time = self.clock.now() + timedelta(minutes=10)
        return Identity("user", user.user_id, user.role.value, user.email, session.session_id, expire_time)


def auth_over(
    store: AuthStore,
    passwords: Passwords,
    clock: ManualClock,
    *,
    announcements: Announcements | None = None,
    limits: AuthLimits | None = None,
) -> Auth:
    """The use cases over a store; without limits nothing is too often."""
    limits = limits or unlimited()
    refresh_tokens = RefreshTokens(REFRESH_SECRET)
    pairs = TokenPairs(AccessTokens(KeyRing.derive(JWT_SECRET), clock), refresh_tokens, clock)
    end_sessions = end_sessions_over(store, clock, announcements)
    return Auth(
        store=store,
        clock=clock,
        register=Register(store, passwords, clock, limits),
        login=Login(store, passwords, pairs, end_sessions, clock, limits),
        refresh=Refresh(store, refresh_tokens, pairs, end_sessions, clock, limits),
        logout=Logout(store, refresh_tokens, end_sessions),
        logout_all=LogoutAll(store, end_sessions),
        change_password=ChangePassword(store, passwords, end_sessions, clock, limits),
        set_user_role=SetUserRole(store, end_sessions, clock),
        revocations=end_sessions.revocations,
        announcer=end_sessions.announcer,
    )


def mongo_uri_of(mongo_uri: str, database: Database) -> str:
    """The URI of this very database."""
    parts = urlsplit(mongo_uri)
    return urlunsplit(parts._replace(path=f"/{database.name}"))

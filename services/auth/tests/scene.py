"""What auth's tests talk about: Ada, the use cases over a store, and the secrets."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from chassis.config import Secret
from chassis.mongo import Database
from chassis.testing import ManualClock
from services.auth.access_tokens import AccessTokens
from services.auth.keys import KeyRing
from services.auth.login import Login
from services.auth.passwords import Passwords
from services.auth.refresh import Refresh
from services.auth.refresh_tokens import RefreshTokens
from services.auth.register import Register
from services.auth.store import AuthStore
from services.auth.token_pairs import TokenPairs

JWT_SECRET = Secret("the secret that access tokens are signed with")
REFRESH_SECRET = Secret("the secret that refresh tokens are made with")


@dataclass(frozen=True)
class Auth:
    """The use cases over one store, and the clock that they all see."""

    store: AuthStore
    clock: ManualClock
    register: Register
    login: Login
    refresh: Refresh

    async def ada_logs_in(self) -> str:
        """The refresh token of Ada's new session."""
        return (await self.login("ada@example.com", "correct horse")).refresh_token


def auth_over(store: AuthStore, passwords: Passwords, clock: ManualClock) -> Auth:
    """The use cases over a store."""
    refresh_tokens = RefreshTokens(REFRESH_SECRET)
    pairs = TokenPairs(AccessTokens(KeyRing.derive(JWT_SECRET), clock), refresh_tokens, clock)
    return Auth(
        store=store,
        clock=clock,
        register=Register(store, passwords, clock),
        login=Login(store, passwords, pairs, clock),
        refresh=Refresh(store, refresh_tokens, pairs, clock),
    )


def mongo_uri_of(mongo_uri: str, database: Database) -> str:
    """The URI of this very database."""
    parts = urlsplit(mongo_uri)
    return urlunsplit(parts._replace(path=f"/{database.name}"))

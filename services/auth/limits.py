"""How often one may try to get in. Every limit is asked before a password is hashed or a session is looked up."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Self

from chassis.clock import SystemClock
from chassis.config import Environment, Secret
from chassis.rate_limits import Charge, Limit, RateLimits, client, everybody
from chassis.shared_counts import MemoryCounts
from services.auth.errors import InvalidCredentials, WrongPassword


@dataclass(frozen=True)
class LimitsConfig:
    """The limits: of an account's failed logins, of a session's refreshes, and of what addresses and all may do."""

    login_account: Limit
    login_address: Limit
    login_global: Limit
    register_address: Limit
    register_global: Limit
    refresh_session: Limit
    refresh_address: Limit
    refresh_global: Limit

    @classmethod
    def read(cls, env: Environment) -> Self:
        """Read the ``*_LIMIT_*`` keys."""
        return cls(
            login_account=Limit.read(env, "LOGIN_LIMIT_ACCOUNT", "login-account", "10/300"),
            login_address=Limit.read(env, "LOGIN_LIMIT_ADDRESS", "login-address", "60/60"),
            login_global=Limit.read(env, "LOGIN_LIMIT_GLOBAL", "login-global", "500/10"),
            register_address=Limit.read(env, "REGISTER_LIMIT_ADDRESS", "register-address", "20/3600"),
            register_global=Limit.read(env, "REGISTER_LIMIT_GLOBAL", "register-global", "100/10"),
            refresh_session=Limit.read(env, "REFRESH_LIMIT_SESSION", "refresh-session", "30/60"),
            refresh_address=Limit.read(env, "REFRESH_LIMIT_ADDRESS", "refresh-address", "600/60"),
            refresh_global=Limit.read(env, "REFRESH_LIMIT_GLOBAL", "refresh-global", "10000/10"),
        )

    @classmethod
    def off(cls) -> Self:
        """No limit at all."""
        return cls(*(Limit(field.name, None) for field in fields(cls)))


@dataclass(frozen=True)
class AuthLimits:
    """Asks the limits for the client of the current call.

    Those of logging in never concern refreshing: whoever holds a refresh token stays in, however many wrong
    passwords somebody else sends for the account.
    """

    limits: LimitsConfig
    rates: RateLimits

    @contextmanager
    def login(self, email: str) -> Iterator[None]:
        """One try to log in, for the length of the block; ``email`` is normalised and need not be anybody's.

        Against the account only what fails counts. It is counted at once and given back when the password was
        right or was not looked at: many tries at once would else all begin while there is room for one.

        :raises RateLimited: when it is too often.
        """
        limits, failed = self.limits, False
        account = Charge(limits.login_account, email)
        permit = self.rates.take(account, client(limits.login_address), everybody(limits.login_global))
        try:
            yield
        except (
            InvalidCredentials,
            WrongPassword,
            asyncio.CancelledError,
        ):  # who does not wait for the answer may be guessing too
            failed = True
            raise
        finally:
            if not failed:
                permit.give_back(limits.login_account)

    def register(self) -> None:
        """One try to register.

        :raises RateLimited: when it is too often.
        """
        self.rates.take(client(self.limits.register_address), everybody(self.limits.register_global))

    def refresh(self) -> None:
        """One try to refresh, with whatever.

        :raises RateLimited: when it is too often.
        """
        self.rates.take(client(self.limits.refresh_address), everybody(self.limits.refresh_global))

    def refresh_of(self, session_id: str) -> None:
        """One try to refresh a session, with a token that is genuine: nobody else can use up what it has.

        :raises RateLimited: when it is too often.
        """
        self.rates.take(Charge(self.limits.refresh_session, session_id))


def unlimited() -> AuthLimits:
    """For commands of the operator: whoever can run them needs no limit."""
    return AuthLimits(LimitsConfig.off(), RateLimits(MemoryCounts(), Secret(""), SystemClock()))

"""``python -m bench.login_timing``: whether the time of a refused login tells if there is such an account.

Unknown addresses and wrong passwords in turn, one after the other, against the use case in this process on the
store in memory, where nothing but the login itself takes time. Prints both medians and their difference; exit code
1 when it is above the target.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from secrets import token_urlsafe
from statistics import median
from time import perf_counter

from chassis.clock import SystemClock
from chassis.config import Secret
from chassis.logs import configure_logging
from chassis.revocations import Revocations
from services.auth.access_tokens import AccessTokens
from services.auth.announcements import Announcer, MemoryAnnouncements
from services.auth.end_sessions import EndSessions
from services.auth.errors import InvalidCredentials
from services.auth.keys import KeyRing
from services.auth.limits import unlimited
from services.auth.login import Login
from services.auth.memory_store import MemoryStore
from services.auth.passwords import Passwords
from services.auth.refresh_tokens import RefreshTokens
from services.auth.register import Register
from services.auth.token_pairs import TokenPairs

TRIES = 2_000
"""Of each kind."""

DIFFERENCE_MS_MAX = 1.0

KNOWN, UNKNOWN = "a-customer@example.com", "not-anybody@example.com"


@dataclass(frozen=True)
class Timing:
    """Medians in milliseconds."""

    unknown_ms: float
    wrong_ms: float

    @property
    def difference_ms(self) -> float:
        """How much one differs from the other, whichever is longer."""
        return abs(self.unknown_ms - self.wrong_ms)


async def measure(tries: int) -> Timing:
    """Try so often with each, and let each come first every other time."""
    clock, store = SystemClock(), MemoryStore()
    with closing(Passwords(threads=1)) as passwords:
        keys, refresh_tokens = KeyRing.derive(Secret(token_urlsafe())), RefreshTokens(Secret(token_urlsafe()))
        revocations = Revocations(clock)
        announcer = Announcer(store, MemoryAnnouncements(), revocations, clock)
        end_sessions = EndSessions(store, revocations, announcer, clock)
        token_pairs = TokenPairs(AccessTokens(keys, clock), refresh_tokens, clock)
        login = Login(store, passwords, token_pairs, end_sessions, clock, unlimited())
        await Register(store, passwords, clock, unlimited())(KNOWN, token_urlsafe(), "")
        taken: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
        for number in range(tries):
            for email in (KNOWN, UNKNOWN) if number % 2 else (UNKNOWN, KNOWN):
                taken[email].append(await _refused_after_ms(login, email))
    return Timing(unknown_ms=median(taken[UNKNOWN]), wrong_ms=median(taken[KNOWN]))


async def _refused_after_ms(login: Login, email: str) -> float:
    begun = perf_counter()
    try:
        await login(email, "a wrong guess")
    except InvalidCredentials:
        return (perf_counter() - begun) * 1000
    raise AssertionError("the guess was right")


def main(arguments: Sequence[str]) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.login_timing", description=__doc__.partition("\n")[0])
    parser.add_argument("--tries", type=int, default=TRIES, help=f"of each kind; default {TRIES}")
    tries = parser.parse_args(arguments).tries
    configure_logging("error", "text")  # each refusal is a line of the audit log
    timing = asyncio.run(measure(tries))
    sys.stdout.write(
        f"unknown address: median {timing.unknown_ms:.3f} ms of {tries}\n"
        f"wrong password:  median {timing.wrong_ms:.3f} ms of {tries}\n"
        f"difference:      {timing.difference_ms:.3f} ms, at most {DIFFERENCE_MS_MAX:.0f} ms is the target\n"
    )
    return 0 if timing.difference_ms <= DIFFERENCE_MS_MAX else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

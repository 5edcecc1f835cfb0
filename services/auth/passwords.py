"""Passwords: argon2id through passlib, in a few niced threads behind a bounded queue.

The only module that knows the library, so that it can be changed.
"""

import asyncio
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from passlib.context import CryptContext

from services.auth.errors import HashingOverloaded
from services.auth.hash_parameters import DEFAULT_PARAMETERS, PARALLELISM, HashParameters

T = TypeVar("T")

PASSWORD_LENGTH_MAX = 1024
"""Characters; also of a password that is only compared."""

THREADS_MAX = 8
"""Each hashing thread needs ``PASSWORD_MEMORY_KIB``; a container is told of all its node's cores."""

WAITING_MAX = 64
"""With the default parameters the last in the queue waits about one and a half seconds behind two threads."""

NICENESS = 10
"""Two hashing threads raise the neighbours' p99 2.5 x; niced, 1.1 x."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password is right; ``new_hash`` replaces a hash made with other parameters."""

    matches: bool
    new_hash: str | None = field(default=None, repr=False)


class Passwords:
    """Hashes and verifies passwords. To be closed."""

    def __init__(
        self,
        parameters: HashParameters = DEFAULT_PARAMETERS,
        *,
        threads: int | None = None,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        threads = threads or min(_cores(), THREADS_MAX)
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=parameters.memory_kib,
            argon2__time_cost=parameters.rounds,
            argon2__parallelism=PARALLELISM,
        )
        self._nobodys_hash: str = self._context.hash(secrets.token_urlsafe())
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="password", initializer=_be_nice)
        self._pending = 0
        self._pending_max = threads + waiting_max

    async def hash(self, password: str) -> str:
        """The hash to store, with its parameters and salt. It must pass :mod:`services.auth.new_password`.

        :raises HashingOverloaded: when too many wait already.
        """
        return await self._in_thread(lambda: str(self._context.hash(prepared(password))))

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Whether the hash is of this password.

        None stands for an account that does not exist: the answer is no, and takes as long. So it does
        for a password that is too long to be anybody's once it is prepared.

        :raises HashingOverloaded: when too many wait already.
        """
        return await self._in_thread(lambda: self._verify(prepared(password), password_hash))

    def close(self) -> None:
        """Forget what waits and end the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> Verdict:
        if password_hash is None or len(password) > PASSWORD_LENGTH_MAX:
            self._context.verify(password[:PASSWORD_LENGTH_MAX], self._nobodys_hash)
            return Verdict(matches=False)
        matches, new_hash = self._context.verify_and_update(password, password_hash)
        return Verdict(matches, new_hash)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._pending >= self._pending_max:
            raise HashingOverloaded
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._pending -= 1


def prepared(password: str) -> str:
    """The same password typed on another system may be composed otherwise (RFC 8265, OpaqueString).

    It may become shorter, or much longer: U+FDFA becomes 18 characters.
    """
    return unicodedata.normalize("NFKC", password)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _be_nice() -> None:
    if sys.platform == "linux":  # elsewhere a priority belongs to the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

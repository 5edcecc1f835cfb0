"""Passwords: argon2id through passlib, in a few niced threads behind a bounded queue.

Hashes of people who came from another system are checked too, and replaced by ours when the password is proved.
The only module that knows the libraries, so that they can be changed.
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

import bcrypt
from passlib.context import CryptContext

from services.auth.errors import HashingOverloaded
from services.auth.hash_parameters import DEFAULT_PARAMETERS, PARALLELISM, HashParameters
from services.auth.metrics import HASHES_PENDING, HASHES_REFUSED
from services.auth.password_hashes import PasswordHash, UnusableHash, read_hash

T = TypeVar("T")

PASSWORD_LENGTH_MAX = 1024
"""Characters; also of a password that is only compared."""

BCRYPT_BYTES_MAX = 72
"""bcrypt looks at no more. Node's libraries cut silently; the one here refuses, so it is handed what they looked at."""

THREADS_MAX = 8
"""Each hashing thread needs ``PASSWORD_MEMORY_KIB``; a container is told of all its node's cores."""

WAITING_MAX = 64
"""With the default parameters the last in the queue waits about one and a half seconds behind two threads."""

NICENESS = 19
"""The lowest priority. What others have to wait for in a flood of logins is 1.5 x as long then (p99), with half of this
twice as long (``python -m bench.login_flood``)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password is right; ``new_hash`` replaces a hash made otherwise than ours are made now.

    ``fault`` says what is wrong with a stored hash that cannot be checked. No password matches such a one, and
    whoever asked has to log it: only they know whose it is.
    """

    matches: bool
    new_hash: str | None = field(default=None, repr=False)
    fault: str | None = None


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
        self._nobodys = read_hash(self._context.hash(secrets.token_urlsafe()))
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

        None stands for an account that does not exist: the answer is no, and takes as long as for a hash of
        ours. So it does for a hash that cannot be checked, and for a password too long to be anybody's.

        :raises HashingOverloaded: when too many wait already.
        """
        return await self._in_thread(lambda: self._verify(password, password_hash))

    def close(self) -> None:
        """Forget what waits and end the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> Verdict:
        known, fault = None, None
        try:
            known = read_hash(password_hash) if password_hash is not None else None
        except UnusableHash as error:
            fault = str(error)
        texts = _as_hashed(password)
        if not texts:  # it is too long to be anybody's
            known, texts = None, [""]
        if not any(self._is_of(text, known or self._nobodys) for text in texts) or known is None:
            return Verdict(matches=False, fault=fault)
        return Verdict(matches=True, new_hash=self._new_hash(password, known))

    def _is_of(self, text: str, known: PasswordHash) -> bool:
        if known.is_bcrypt:
            return bcrypt.checkpw(text.encode()[:BCRYPT_BYTES_MAX], known.text.encode())
        return bool(self._context.verify(text, known.text))

    def _new_hash(self, password: str, known: PasswordHash) -> str | None:
        """What replaces the hash, if anything has to."""
        if not known.is_bcrypt and not self._context.needs_update(known.text):
            return None
        text = prepared(password)
        return self._context.hash(text) if len(text) <= PASSWORD_LENGTH_MAX else None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._pending >= self._pending_max:
            HASHES_REFUSED.inc()
            raise HashingOverloaded
        self._pending += 1
        HASHES_PENDING.set(self._pending)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._pending -= 1
            HASHES_PENDING.set(self._pending)


def prepared(password: str) -> str:
    """The same password typed on another system may be composed otherwise (RFC 8265, OpaqueString).

    It may become shorter, or much longer: U+FDFA becomes 18 characters.
    """
    return unicodedata.normalize("NFKC", password)


def _as_hashed(password: str) -> list[str]:
    """What a hash of this password may be of: the prepared text, or the text as typed, which others have hashed.

    Whoever's hash it is, both are tried: the time must not tell where an account came from.
    """
    return [text for text in dict.fromkeys((prepared(password), password)) if len(text) <= PASSWORD_LENGTH_MAX]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _be_nice() -> None:
    if sys.platform == "linux":  # elsewhere a priority belongs to the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

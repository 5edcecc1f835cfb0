"""What making a password hash costs: argon2id's parameters, never weaker than OWASP allows."""

from dataclasses import dataclass
from typing import Self

from chassis.config import Environment

MEMORY_KEY = "PASSWORD_MEMORY_KIB"
ROUNDS_KEY = "PASSWORD_ROUNDS"

MEMORY_KIB_DEFAULT = 19_456
ROUNDS_DEFAULT = 2
"""With the memory above, one of OWASP's choices: 20 to 40 ms of one core."""

OWASP_CHOICES = ((47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5))
"""KiB of memory and the rounds that go with them, each as strong as the others (OWASP Password Storage)."""

MEMORY_KIB_MIN = 7_168

MEMORY_KIB_MAX = 131_072
"""Each hashing thread needs as much, so 128 MiB are a gigabyte in eight threads."""

ROUNDS_MAX = 10
"""With the most memory a hash takes about two seconds: whoever logs in does not wait much longer."""

PARALLELISM = 1
"""The hashing threads fill the cores already; more lanes would only start more threads."""


@dataclass(frozen=True)
class HashParameters:
    """The parameters of new hashes. A hash with others is replaced at the login that proves it."""

    memory_kib: int = MEMORY_KIB_DEFAULT
    rounds: int = ROUNDS_DEFAULT

    @classmethod
    def read(cls, env: Environment) -> Self:
        """Read ``PASSWORD_MEMORY_KIB`` and ``PASSWORD_ROUNDS``."""
        memory_kib = env.integer(MEMORY_KEY, MEMORY_KIB_DEFAULT, least=MEMORY_KIB_MIN, most=MEMORY_KIB_MAX)
        rounds = env.integer(ROUNDS_KEY, ROUNDS_DEFAULT, least=1, most=ROUNDS_MAX)
        rounds_min = next(rounds for memory, rounds in OWASP_CHOICES if memory <= memory_kib)
        if rounds < rounds_min:
            env.problem(ROUNDS_KEY, f"must be at least {rounds_min} while {MEMORY_KEY} is {memory_kib}")
        return cls(memory_kib, rounds)


DEFAULT_PARAMETERS = HashParameters()

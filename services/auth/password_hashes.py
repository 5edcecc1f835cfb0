"""The forms of password hashes that can be checked, our own and those of other systems, at a bounded cost."""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field

from services.auth.hash_parameters import MEMORY_KIB_MAX, ROUNDS_MAX

BCRYPT_COST_MIN, BCRYPT_COST_MAX = 4, 15
"""Powers of two: 12 takes about a quarter of a second, 15 about two seconds."""

LANES_MAX = 16
"""Checking starts a thread for each lane of an argon2 hash."""

SALT_BYTES_MIN, SALT_BYTES_MAX = 8, 64
DIGEST_BYTES_MIN, DIGEST_BYTES_MAX = 16, 128
"""Of an argon2 hash. A shorter digest could be hit by a wrong password."""

FORMS = "bcrypt ($2a$, $2b$, $2y$) or argon2 (argon2id, argon2i, argon2d)"

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]", re.ASCII)
"""The last characters of salt and digest stand for fewer than six bits, which leaves four and sixteen of them."""

_ARGON2 = re.compile(
    r"\$argon2(?P<variant>id|i|d)\$(?:v=(?P<version>16|19)\$)?"
    r"(?P<parameters>[mtp]=\d{1,10},[mtp]=\d{1,10},[mtp]=\d{1,10})\$"
    r"(?P<salt>[A-Za-z0-9+/]{1,128})\$(?P<digest>[A-Za-z0-9+/]{1,256})",
    re.ASCII,
)
_ARGON2_VERSION_UNSAID = 16


class UnusableHash(ValueError):
    """The hash is none that is checked here. The message says why and does not show it."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A hash that can be checked, as the libraries want it written."""

    text: str = field(repr=False)
    is_bcrypt: bool


def read_hash(text: str) -> PasswordHash:
    """Recognise a hash.

    :raises UnusableHash: when its form is unknown, or to check it would cost too much.
    """
    if bcrypt := _BCRYPT.fullmatch(text):
        cost = int(bcrypt[1])
        is_taken = BCRYPT_COST_MIN <= cost <= BCRYPT_COST_MAX
        _require(is_taken, f"is bcrypt of cost {cost}: {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX} are taken")
        return PasswordHash(text, is_bcrypt=True)
    if argon2 := _ARGON2.fullmatch(text):
        return PasswordHash(_argon2_text(argon2), is_bcrypt=False)
    raise UnusableHash(f"has no form that is known: {FORMS}")


def _argon2_text(match: re.Match[str]) -> str:
    """The hash with its parameters in the order of the reference implementation: node's package has another one."""
    parameters = {name: int(value) for name, _, value in (part.partition("=") for part in _parts(match))}
    _require(len(parameters) == len("mtp"), "is argon2 with a parameter twice")
    memory_kib, rounds, lanes = (parameters[name] for name in "mtp")
    _require(memory_kib <= MEMORY_KIB_MAX, f"is argon2 with {memory_kib} KiB: at most {MEMORY_KIB_MAX} are taken")
    _require(1 <= rounds <= ROUNDS_MAX, f"is argon2 with {rounds} rounds: 1 to {ROUNDS_MAX} are taken")
    _require(1 <= lanes <= LANES_MAX, f"is argon2 with {lanes} lanes: 1 to {LANES_MAX} are taken")
    _require(memory_kib >= 8 * lanes, "is argon2 with less memory than its lanes need")
    salt, digest = match["salt"], match["digest"]
    _require(SALT_BYTES_MIN <= _size(salt) <= SALT_BYTES_MAX, "is argon2 with a salt too short or too long")
    _require(DIGEST_BYTES_MIN <= _size(digest) <= DIGEST_BYTES_MAX, "is argon2 with a digest too short or too long")
    version = match["version"] or _ARGON2_VERSION_UNSAID
    return f"$argon2{match['variant']}$v={version}$m={memory_kib},t={rounds},p={lanes}${salt}${digest}"


def _parts(match: re.Match[str]) -> list[str]:
    return match["parameters"].split(",")


def _size(text: str) -> int:
    """How many bytes the text stands for in base64 without padding; -1 when it stands for none."""
    try:
        decoded = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except NotBase64:
        return -1
    return len(decoded) if b64encode(decoded).decode().rstrip("=") == text else -1


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise UnusableHash(otherwise)

"""What a new password must be: of a good length, and not among those that everybody tries first."""

from functools import cache
from importlib.resources import files

from services.auth.passwords import PASSWORD_LENGTH_MAX, prepared

PASSWORD_LENGTH_MIN = 8

COMMON_PASSWORDS = 3_000
"""How many of the most common passwords are refused: all in ``common_passwords.txt``, each long enough to pass.

From the frequency list of zxcvbn, in its order; the licence is in ``common_passwords.LICENSE.txt``.
"""


def fault_of(password: str) -> str | None:
    """What is wrong with a new password, as the description of a violation of its field; None when it will do."""
    length = f"must have {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters"
    if not _has_good_length(password):  # first: preparing takes time
        return length
    text = prepared(password)
    if not _has_good_length(text):
        return f"{length} in Unicode's form NFKC"
    if text.casefold() in _common_passwords():
        return f"must not be one of the {COMMON_PASSWORDS:,} most common passwords"
    return None


def _has_good_length(password: str) -> bool:
    return PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(files("services.auth").joinpath("common_passwords.txt").read_text(encoding="utf-8").split())

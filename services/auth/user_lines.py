"""The people of another system, as a file has them: a JSON object a line.

``email`` and ``password_hash`` (or ``hash``) must be there, ``name`` may be. Nothing else is looked at, so
whoever was an admin there comes as a customer.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import BinaryIO

from chassis.errors import InvalidArgument
from chassis.violations import Violations
from services.auth.account_fields import checked_email, checked_name
from services.auth.password_hashes import UnusableHash, read_hash
from services.auth.user import User, new_customer

LINE_BYTES_MAX = 65_536
"""Without the end of the line. An export may have much that is not looked at."""


@dataclass(frozen=True, slots=True)
class UserLine:
    """A line: the account in it, or why it is refused, or neither when it is blank."""

    size_bytes: int
    user: User | None = None
    refusal: str | None = None


def read_user_lines(file: BinaryIO, now: datetime) -> Iterator[UserLine]:
    """Every line of the file. A refusal names the line, and the address if that is one; it never has the hash."""
    for number in count(1):
        line = file.readline(LINE_BYTES_MAX + 1)
        size_bytes = len(line)
        if not line:
            return
        if size_bytes > LINE_BYTES_MAX and not line.endswith(b"\n"):
            size_bytes += _skip_line(file)
            yield UserLine(size_bytes, refusal=f"line {number}: is longer than {LINE_BYTES_MAX} bytes")
        elif not line.strip():
            yield UserLine(size_bytes)
        else:
            try:
                yield UserLine(size_bytes, user=_user(line, now))
            except _RefusedError as refused:
                yield UserLine(size_bytes, refusal=f"line {number}{refused}")


class _RefusedError(ValueError):
    """There is no account in the line. The message goes on after the line's number."""


def _skip_line(file: BinaryIO) -> int:
    """Read on to the end of the line; how many bytes that were."""
    size_bytes = 0
    while rest := file.readline(LINE_BYTES_MAX):
        size_bytes += len(rest)
        if rest.endswith(b"\n"):
            break
    return size_bytes


def _user(line: bytes, now: datetime) -> User:
    entry = _object(line)
    password_hash = _text(entry, "password_hash") or _text(entry, "hash")
    violations = Violations()
    email = checked_email(violations, _text(entry, "email"))
    name = checked_name(violations, _text(entry, "name"))
    try:
        if violations.require(bool(password_hash), "password_hash", "is missing"):
            read_hash(password_hash)
    except UnusableHash as error:
        violations.add("password_hash", str(error))
    try:
        violations.check()
    except InvalidArgument as error:
        is_address = all(violation.field != "email" for violation in error.violations)
        raise _RefusedError(f" ({email}): {error}" if is_address else f": {error}") from None
    return new_customer(email, name, password_hash, now)


def _object(line: bytes) -> Mapping[str, object]:
    try:
        entry = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise _RefusedError(": is not JSON in UTF-8") from None
    if not isinstance(entry, dict):
        raise _RefusedError(": is not a JSON object")
    return entry


def _text(entry: Mapping[str, object], key: str) -> str:
    """The text of a key; it is empty when the key is not there, or null."""
    value = entry.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or not _is_unicode(value):
        raise _RefusedError(f": {key} is not text")
    return value


def _is_unicode(text: str) -> bool:
    """Whether it can be written in UTF-8; half of a surrogate pair, which JSON can escape, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

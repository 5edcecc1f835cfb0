"""Reading a process's configuration from the environment, once, typed, and loudly.

Every value comes from the environment or from ``.env`` (the environment wins). Any key may be given
as ``<KEY>_FILE`` instead: the name of a file that holds the value, as mounted secrets do.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

SECRET_BYTES_MIN = 32
EXAMPLE_SECRET_PREFIX = "change-me"  # nosec B105 # noqa: S105 - the mark of .env.example's secrets, not a secret

_ADDRESS = re.compile(r"(?:dns:///|ipv4:|unix:)?[^\s]+")


class ConfigError(Exception):
    """The configuration cannot be used. The message names every key that is wrong."""


class Secret:
    """A value that does not show itself in ``repr``, logs or tracebacks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


def load_environment() -> Mapping[str, str]:
    """The environment, filled up from ``.env`` in the working directory.

    :raises ConfigError: when that is not UTF-8.
    """
    try:
        from_file = {key: value for key, value in dotenv_values(".env").items() if value is not None}
    except UnicodeDecodeError:
        raise ConfigError(".env must be UTF-8") from None
    return {**from_file, **os.environ}


class Environment:
    """Reads typed values and collects what is wrong, so that one run names every bad key.

    The readers return a harmless value for a key that is wrong; :meth:`check` must be called when
    everything was read, and raises :class:`ConfigError`.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._problems: list[str] = []

    def check(self) -> None:
        """Raise :class:`ConfigError` when a key that was read is missing or wrong."""
        if self._problems:
            raise ConfigError("; ".join(self._problems))

    def optional(self, key: str) -> str | None:
        """The text of a key, or None when it is absent or empty."""
        path = self._values.get(f"{key}_FILE")
        if path:
            try:
                return Path(path).read_text(encoding="utf-8").strip() or None
            except OSError as error:
                self._problem(f"{key}_FILE", f"cannot be read: {error.strerror}")
                return None
            except UnicodeDecodeError:
                self._problem(f"{key}_FILE", "must be UTF-8")
                return None
        value = self._values.get(key) or None
        if value is not None and not _is_utf8(value):
            self._problem(key, "must be UTF-8")
            return None
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """The text of a key."""
        value = self.optional(key) or default
        if value is None:
            self._problem(key, "is missing")
            return ""
        return value

    def path(self, key: str) -> str | None:
        """The name of a file, or None. Such a key is not looked for as ``<KEY>_FILE``: it is one."""
        return self._values.get(key) or None

    def integer(self, key: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        """A whole number from ``least`` to ``most``."""
        text = self.optional(key)
        try:
            value = default if text is None else int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            self._problem(key, f"must be a whole number from {least} to {most}")
            return default
        return value

    def port(self, key: str, default: int) -> int:
        """A TCP port."""
        return self.integer(key, default, least=1, most=65535)

    def seconds(self, key: str, default: float) -> float:
        """A span of time in seconds, more than 0."""
        text = self.optional(key)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            self._problem(key, "must be a number of seconds greater than 0")
            return default
        return value

    def address(self, key: str, default: str) -> str:
        """Where a service listens, as gRPC target: ``dns:///host:port``; a bare ``host:port`` means the same."""
        value = self.text(key, default)
        if not _ADDRESS.fullmatch(value):
            self._problem(key, "must look like dns:///host:port")
        return value if ":/" in value or value.startswith(("unix:", "ipv4:")) else f"dns:///{value}"

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self.text(key, default)
        if value not in choices:
            self._problem(key, f"must be one of {', '.join(choices)}")
        return value

    def secret(self, key: str, *, required: bool = True) -> Secret | None:
        """A secret of at least ``SECRET_BYTES_MIN`` bytes that is not an example's value."""
        value = self.optional(key)
        if value is None:
            if required:
                self._problem(key, "is missing")
            return None
        if value.startswith(EXAMPLE_SECRET_PREFIX):
            self._problem(key, "still has the example's value")
        elif len(value.encode()) < SECRET_BYTES_MIN:
            self._problem(key, f"must have at least {SECRET_BYTES_MIN} bytes")
        return Secret(value)

    def required_secret(self, key: str) -> Secret:
        """Like :meth:`secret`, for a key that must be there."""
        return self.secret(key) or Secret("")

    def problem(self, key: str, what: str) -> None:
        """Note a problem that only the caller can see."""
        self._problem(key, what)

    def _problem(self, key: str, what: str) -> None:
        self._problems.append(f"{key} {what}")


def _is_utf8(text: str) -> bool:
    """Whether the environment's bytes were: Python keeps others as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)

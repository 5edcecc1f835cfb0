"""The services that may ask for a token, and how they prove who they are."""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Self

from chassis.config import Environment

KEY = "SERVICE_CLIENTS"

_CLIENT = re.compile(r"([a-z][a-z0-9-]{0,62}):([0-9a-f]{64})")
_NOBODY = "0" * 64
"""Stands for the hash of an unknown client, so that the comparison is made all the same."""


class ServiceClients:
    """The known services and the SHA-256 hashes of their secrets.

    A plain hash is enough: a secret is at least 32 random bytes, not something that can be guessed.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = dict(hashes)

    @classmethod
    def read(cls, env: Environment) -> Self:
        """Read ``SERVICE_CLIENTS``: ``orders:<sha256 in hex>,notifier:<sha256 in hex>``."""
        text = env.text(KEY)
        entries = [entry.strip() for entry in text.split(",")] if text else []
        matches = [_CLIENT.fullmatch(entry) for entry in entries]
        hashes = {match[1]: match[2] for match in matches if match}
        if len(hashes) != len(entries):
            env.problem(KEY, "must be a list of client:<sha256 of its secret in hex>, each client once")
        return cls(hashes)

    def knows(self, client_id: str, client_secret: str) -> bool:
        """Whether the secret is that client's. An unknown client takes as long as a wrong secret."""
        expected = self._hashes.get(client_id, _NOBODY)
        return hmac.compare_digest(expected, sha256(client_secret.encode()).hexdigest())

    def __repr__(self) -> str:
        return f"ServiceClients({', '.join(sorted(self._hashes))})"

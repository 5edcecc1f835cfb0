"""The journal that clients keep of what they were answered: JSON lines, each with ``at`` and ``what``.

::

    {"at": 1.5, "what": "accepted", "client": "c-3", "user": .., "key": .., "order_id": .., "items": {sku: quantity},
     "status": "PENDING", "version": 1, "replayed": false}
    {"at": .., "what": "refused", "client": .., "user": .., "key": .., "items": {..}, "http_status": 409, "reason": ..}
    {"at": .., "what": "cancelled", "client": .., "order_id": .., "version": 2}
    {"at": .., "what": "not_cancelled", "client": .., "order_id": .., "reason": ..}
    {"at": .., "what": "saw", "client": .., "order_id": .., "status": .., "version": 3}
    {"at": .., "what": "fault", "kind": "kill", ..}

A journal without a fault is one of a run without faults. The last line may be torn: who wrote it was killed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from sys import intern
from typing import Any


class JournalError(Exception):
    """A line in the middle of a journal cannot be read. The message names it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order was acknowledged with 2xx; ``items`` is sku -> quantity, as the client had asked."""

    at: float
    client: str
    user: str
    key: str
    order_id: str
    items: Mapping[str, int]
    status: str
    version: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """An order was refused for good."""

    at: float
    client: str
    user: str
    key: str
    items: Mapping[str, int]
    http_status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancellation was acknowledged with 2xx."""

    at: float
    client: str
    order_id: str
    version: int


@dataclass(frozen=True, slots=True)
class NotCancelled:
    """A cancellation was refused."""

    at: float
    client: str
    order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Saw:
    """An order was read."""

    at: float
    client: str
    order_id: str
    status: str
    version: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something was done to the mesh. What else its line says is for people."""

    at: float
    kind: str


Entry = Accepted | Refused | Cancelled | NotCancelled | Saw | Fault

_KINDS: dict[str, type[Entry]] = {
    "accepted": Accepted,
    "refused": Refused,
    "cancelled": Cancelled,
    "not_cancelled": NotCancelled,
    "saw": Saw,
    "fault": Fault,
}
_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS.values()}


def read_journal(path: Path) -> Iterator[Entry]:
    """The entries in the order in which they were written.

    :raises JournalError: for a line that is no entry, unless it is the last one and has no end.
    :raises OSError: when there is no such file.
    """
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:  # a torn line may end in half a letter
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                yield _entry(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise JournalError(f"{path}: line {number} is no entry of a journal: {error!r}") from error


def _entry(line: Mapping[str, Any]) -> Entry:
    kind = _KINDS[line["what"]]
    return kind(**{name: _once(line[name]) for name in _FIELDS[kind]})


def _once(value: Any) -> Any:
    """Ids come back in many lines; each text is kept once."""
    return intern(value) if isinstance(value, str) else value

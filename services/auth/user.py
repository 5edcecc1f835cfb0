"""An account."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

NAME_LENGTH_MAX = 200


class Role(StrEnum):
    """What an account may do."""

    CUSTOMER = "customer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """An account. ``email`` is normalised; the hash does not show itself.

    ``session_epoch`` counts how often all of its sessions were ended: one that began before is over.
    """

    user_id: str
    email: str
    name: str
    password_hash: str = field(repr=False)
    role: Role
    create_time: datetime
    session_epoch: int = 0


def new_customer(email: str, name: str, password_hash: str, now: datetime) -> User:
    """A new account that may place orders."""
    return User(uuid4().hex, email, name, password_hash, Role.CUSTOMER, now)

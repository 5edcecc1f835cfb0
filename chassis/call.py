"""The call being served: who calls, which request it belongs to, and how long somebody waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Literal

from chassis.errors import Unauthenticated
from chassis.tracing import Span

DEADLINE_SECONDS_DEFAULT = 10.0

STREAM_SECONDS_MAX = 3600.0
"""How long a stream lives, also for callers that gave no deadline."""

ADMIN = "admin"
ROLES = frozenset({"customer", ADMIN})
"""What a user may be. A token with another role is refused: nobody here knows what it would allow."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, as a verified token says.

    ``subject`` is a user's id or a service's client id; ``email``, ``role`` and ``session_id`` are
    empty for services.
    """

    kind: Literal["user", "service"]
    subject: str
    role: str
    email: str
    session_id: str
    expire_time: datetime
    ticket_for: str = ""
    """The one thing that the caller may ask for, who came with a ticket; empty for whoever came with a token."""

    @property
    def is_admin(self) -> bool:
        """Whether the caller is a user with the role admin."""
        return self.kind == "user" and self.role == ADMIN


@dataclass(slots=True)
class Call:
    """What is known about the call being served. ``deadline`` is on the monotonic clock.

    ``client_address`` is a REST client's own when the gateway calls for it and proves to be the gateway, else that
    of whoever is at the other end of the connection. ``client_is_hidden``: that is somebody who says to be the
    gateway and does not prove it, so it may stand for many. ``is_resumed``: the gateway, which proves to be it, goes on
    with a stream that its client was let into before. ``traceparent`` names the ``span``, if there is one, else what
    the caller sent.
    """

    request_id: str
    traceparent: str
    deadline: float
    identity: Identity | None = None
    client_address: str = ""
    client_is_hidden: bool = False
    is_resumed: bool = False
    span: Span | None = None
    code: str = ""
    """How it ended, once it has: the name of a gRPC code."""

    def remaining_seconds(self) -> float:
        """How long somebody still waits for the answer."""
        return self.deadline - monotonic()


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call | None:
    """The call being served, or None outside of one (a background task)."""
    return _current.get()


def this_call() -> Call:
    """The call being served, for what runs inside of one only: below the layer ``begin``."""
    call = current_call()
    assert call is not None, "the layer `begin` stands outside of everything"
    return call


def begin_call(call: Call) -> None:
    """Make ``call`` the current one for the running task and those that it starts."""
    _current.set(call)


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """Make ``call`` the current one for the length of the block, and then whatever was before."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


def caller() -> Identity:
    """Who makes the current call.

    :raises Unauthenticated: when nobody is logged in.
    """
    identity = caller_or_none()
    if identity is None:
        raise Unauthenticated("log in first")
    return identity


def caller_or_none() -> Identity | None:
    """Who makes the current call, or None for anybody."""
    call = current_call()
    return call.identity if call else None

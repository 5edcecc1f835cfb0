"""The audit log: one line for each event that matters to whoever looks for abuse.

Lines come from the logger ``ordermesh.security``. They name accounts and sessions by their ids: no secret
and no e-mail address is ever in one.
"""

import logging
from enum import StrEnum

from prometheus_client import Counter

from chassis.call import current_call

_log = logging.getLogger("ordermesh.security")


class Event(StrEnum):
    """What happened."""

    REGISTERED = "registered"
    LOGIN = "login"
    LOGIN_REFUSED = "login_refused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an event
    PASSWORD_CHANGE_REFUSED = "password_change_refused"  # noqa: S105 - the name of an event
    ROLE_CHANGED = "role_changed"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - the name of an event
    SESSION_ENDED = "session_ended"
    SESSIONS_ENDED = "sessions_ended"
    CLIENT_REFUSED = "client_refused"


_SUSPICIOUS = frozenset(
    {Event.LOGIN_REFUSED, Event.PASSWORD_CHANGE_REFUSED, Event.REFRESH_TOKEN_REUSED, Event.CLIENT_REFUSED}
)


_EVENTS = Counter("ordermesh_auth_security_events_total", "Lines of the audit log, by what happened.", ("event",))


def note(event: Event, **fields: object) -> None:
    """Write the line of an event and count it; the request's id and the client's address are added to the line."""
    _EVENTS.labels(event.value).inc()
    call = current_call()
    if call is not None:
        fields["client"] = call.client_address
    level = logging.WARNING if event in _SUSPICIOUS else logging.INFO
    _log.log(level, "%s", event, extra={"fields": {"event": event.value, **fields}})

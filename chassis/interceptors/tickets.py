"""Tickets: what a browser that cannot send a token puts into a URL. Each opens one thing for a minute."""

from google.protobuf.message import Message

from chassis.call import caller_or_none
from chassis.contract import Method
from chassis.errors import Unauthenticated


class TicketForAnother(Unauthenticated):
    """The ticket was made for something else than what is asked for."""

    reason = "TICKET_FOR_ANOTHER"


def require_ticket_for(method: Method, request: Message) -> None:
    """Make sure that a caller with a ticket asks for what it was made for.

    :raises TicketForAnother: when it was made for something else.
    """
    identity = caller_or_none()
    if identity is None or not identity.ticket_for:
        return
    if not method.ticket_field or getattr(request, method.ticket_field) != identity.ticket_for:
        raise TicketForAnother("the ticket was made for something else")

"""Whose request it is, when a browser cannot send ``Authorization``.

An EventSource sends no header at all, a WebSocket only the names of subprotocols. So a ticket may stand in the query
(``?ticket=...``, see AuthService.IssueTicket), for methods that a ticket opens, and a token among the subprotocols
(``bearer.<token>``). From here on either is what the header would have said. Neither is ever logged.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

from chassis.violations import Violations
from gateway.exchange import Request

TICKET_PARAMETER = "ticket"

SUBPROTOCOL_PREFIX = "bearer."

_TICKET_NAME = TICKET_PARAMETER.encode()


def read_credentials(request: Request, *, takes_ticket: bool, found: Violations) -> None:
    """Move a ticket or a subprotocol's token to where tokens are, unless there is another one already."""
    said = [b"Bearer " + token for token in _tokens(request.subprotocols or ())]
    if takes_ticket:
        said += [b"Ticket " + ticket for ticket in _take_tickets(request)]
    if not said:
        return
    if len(said) > 1 or b"authorization" in request.headers:
        found.add("authorization", "send one token or one ticket, not several")
        return
    request.headers = _with(request.headers, said[0])


def _tokens(subprotocols: Sequence[str]) -> list[bytes]:
    prefix = len(SUBPROTOCOL_PREFIX)
    return [name[prefix:].encode("latin-1") for name in subprotocols if name.startswith(SUBPROTOCOL_PREFIX)]


def _take_tickets(request: Request) -> list[bytes]:
    """The tickets in the query, which loses them. What has none is not touched: others find what is wrong with it."""
    tickets, rest = [], []
    for parameter in request.query.split(b"&"):
        name, _, value = parameter.partition(b"=")
        if name == _TICKET_NAME:
            tickets.append(unquote_plus(value.decode("latin-1")).encode("latin-1", "replace"))
        else:
            rest.append(parameter)
    if tickets:
        request.query = b"&".join(rest)
    return tickets


def _with(headers: Mapping[bytes, bytes], authorization: bytes) -> dict[bytes, bytes]:
    return {**headers, b"authorization": authorization}

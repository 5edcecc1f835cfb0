"""Making tickets: what opens the events of one order to who cannot send a token."""

import re
from dataclasses import dataclass

from chassis.call import Identity
from chassis.violations import Violations
from services.auth.access_tokens import AccessToken, AccessTokens

_ORDER_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class IssueTicket:
    """Makes tickets for logged-in users."""

    access_tokens: AccessTokens

    def __call__(self, holder: Identity, order_id: str) -> AccessToken:
        """A ticket for the events of an order; whose the order is, is not looked at here.

        :raises InvalidArgument: when that is no order's id.
        """
        violations = Violations()
        is_order_id = _ORDER_ID.fullmatch(order_id) is not None
        violations.require(is_order_id, "order_id", "must be 32 hexadecimal digits in lower case")
        violations.check()
        return self.access_tokens.ticket(holder, order_id)

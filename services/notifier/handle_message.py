"""What one message leads to: its order processed, its customer told, and orders informed of that."""

from collections.abc import Callable
from time import monotonic

from chassis.call import Call, calling
from chassis.interceptors.begin import is_traceparent, new_request_id
from services.notifier.orders import Orders
from services.notifier.queue import TRACEPARENT_ATTRIBUTE, Message
from services.notifier.tell_customer import Teller

MESSAGE_SECONDS = 30.0
"""The deadline of everything that one try of one message asks of others."""


class MessageHandler:
    """Handles messages. ``order_id_of`` reads what a message is about, or raises MessageUnreadable."""

    def __init__(self, order_id_of: Callable[[Message], str], orders: Orders, teller: Teller) -> None:
        self._order_id_of = order_id_of
        self._orders = orders
        self._teller = teller

    async def handle(self, message: Message) -> None:
        """Return when the message is done and can be deleted. It may be handled any number of times.

        The message is a hint: what happens follows from the order as it is now, the recipient too.
        """
        with calling(_call_of(message)):  # no longer: waiting for an outage to end has no deadline
            order = await self._orders.process(self._order_id_of(message))
            await self._teller.tell(order)
            await self._orders.confirm_told(order.order_id)


def _call_of(message: Message) -> Call:
    traceparent = message.attributes.get(TRACEPARENT_ATTRIBUTE, "")
    return Call(
        request_id=new_request_id(),
        traceparent=traceparent if is_traceparent(traceparent) else "",
        deadline=monotonic() + MESSAGE_SECONDS,
    )

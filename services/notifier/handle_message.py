"""What one message leads to: its order processed, its customer told, and orders informed of that."""

from collections.abc import Callable
from time import monotonic

from chassis.call import Call, calling
from chassis.interceptors.begin import new_request_id
from chassis.span_attributes import MESSAGING_MESSAGE_ID, of_queue
from chassis.tracing import NO_TRACER, TRACEPARENT_KEY, Kind, Tracer, is_traceparent, spanning
from services.notifier.errors import NotificationLeased
from services.notifier.orders import Orders
from services.notifier.queue import Message
from services.notifier.tell_customer import Teller

MESSAGE_SECONDS = 30.0
"""The deadline of everything that one try of one message asks of others."""


class MessageHandler:
    """Handles messages. ``order_id_of`` reads what a message is about, or raises MessageUnreadable.

    ``queue_url`` is where they come from, for their spans.
    """

    def __init__(
        self,
        order_id_of: Callable[[Message], str],
        orders: Orders,
        teller: Teller,
        tracer: Tracer = NO_TRACER,
        queue_url: str = "",
    ) -> None:
        self._order_id_of = order_id_of
        self._orders = orders
        self._teller = teller
        self._tracer = tracer
        self._span_name, self._span_attributes = of_queue(queue_url, "process")

    async def handle(self, message: Message) -> None:
        """Return when the message is done and can be deleted. It may be handled any number of times.

        The message is a hint: what happens follows from the order as it is now, the recipient too. Each try is a span,
        the child of the one that sent the message.
        """
        call = self._call_of(message)
        with (
            calling(call),
            spanning(call.span, NotificationLeased),
        ):  # no longer: waiting for an outage to end has no deadline
            order = await self._orders.process(self._order_id_of(message))
            await self._teller.tell(order)
            await self._orders.confirm_told(order.order_id)

    def _call_of(self, message: Message) -> Call:
        sent = message.attributes.get(TRACEPARENT_KEY, "")
        traceparent = sent if is_traceparent(sent) else ""
        attributes = {**self._span_attributes, MESSAGING_MESSAGE_ID: message.message_id}
        span = self._tracer.begin(self._span_name, Kind.CONSUMER, traceparent, attributes)
        return Call(
            request_id=new_request_id(),
            traceparent=traceparent if span is None else span.traceparent,
            deadline=monotonic() + MESSAGE_SECONDS,
            span=span,
        )

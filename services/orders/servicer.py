"""orders.v1.OrderService: translates, calls, translates."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from chassis.call import caller, current_call
from chassis.clock import Clock
from chassis.idempotency import key_from_metadata, mark_replayed
from chassis.interceptors.chain import Context
from chassis.pages import fitting, next_token, read_page, time_key
from chassis.streams import open_stream
from chassis.violations import Violations
from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceServicer
from services.orders.cache import OrderCache
from services.orders.cancel_order import cancel_order
from services.orders.create_order import OrderRequest, create_order
from services.orders.get_order import get_order, list_orders
from services.orders.messages import order_message
from services.orders.order import Line
from services.orders.process_order import confirm_notification, process_order
from services.orders.relay import Relay
from services.orders.stock import Stock
from services.orders.store import OrderStore
from services.orders.watch_order import watch_order
from services.orders.watchers import Watchers


@dataclass(frozen=True)
class OrderServicer(OrderServiceServicer):
    """See the contract for what each method does."""

    store: OrderStore
    stock: Stock
    cache: OrderCache
    relay: Relay
    watchers: Watchers
    clock: Clock

    async def CreateOrder(self, request: pb.CreateOrderRequest, context: Context) -> pb.Order:
        wanted = OrderRequest(
            customer=caller(),
            lines=tuple(Line(line.sku, line.quantity) for line in request.items),
            request_id=request.request_id,
            metadata_key=key_from_metadata(context),
            traceparent=_traceparent(),
        )
        placed = await create_order(self.store, self.stock, self.clock, self.relay.wake, wanted)
        if placed.replayed:
            mark_replayed(context)
        return order_message(placed.order)

    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.Order:
        return order_message(await get_order(self.store, self.cache, caller(), request.order_id))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Context) -> pb.ListOrdersResponse:
        violations = Violations()
        page = read_page(request.page_size, request.page_token, (int, str), violations)
        violations.check()
        orders = await list_orders(self.store, caller(), request.user_id, page)
        shown = fitting([order_message(order) for order in orders[: page.size]])
        last = orders[len(shown) - 1] if len(shown) < len(orders) else None
        token = next_token(time_key(last.create_time), last.order_id) if last else ""
        return pb.ListOrdersResponse(orders=shown, next_page_token=token)

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Context) -> pb.Order:
        order = await cancel_order(
            self.store,
            self.stock,
            self.clock,
            self.relay.wake,
            self.watchers.moved,
            caller(),
            request.order_id,
            _traceparent(),
        )
        return order_message(order)

    async def WatchOrder(self, request: pb.WatchOrderRequest, context: Context) -> AsyncGenerator[pb.Order, None]:
        let_in = partial(open_stream, context)
        orders = watch_order(
            self.store, self.cache, self.watchers, caller(), request.order_id, request.after_version, let_in
        )
        async with aclosing(orders):
            async for order in orders:
                yield order_message(order)

    async def ProcessOrder(self, request: pb.ProcessOrderRequest, context: Context) -> pb.Order:
        order = await process_order(
            self.store, self.stock, self.cache, self.clock, self.watchers.moved, request.order_id
        )
        return order_message(order)

    async def ConfirmNotification(
        self, request: pb.ConfirmNotificationRequest, context: Context
    ) -> pb.ConfirmNotificationResponse:
        await confirm_notification(self.store, request.order_id)
        return pb.ConfirmNotificationResponse()


def _traceparent() -> str:
    call = current_call()
    return call.traceparent if call else ""

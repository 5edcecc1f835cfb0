"""A life of orders, and how the notifier sees orders when it asks without gRPC."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from chassis.call import Identity
from chassis.errors import FailedPrecondition, NotFound, Unavailable
from services.notifier.errors import Dependency, DependencyDown, OrderRefused
from services.notifier.grpc_orders import order_of
from services.notifier.order import Order as EndedOrder
from services.orders.cache import CACHE_PORT
from services.orders.cancel_order import cancel_order
from services.orders.changes import CHANGES_PORT
from services.orders.create_order import OrderRequest, Placed, create_order
from services.orders.messages import order_message
from services.orders.order import Line, Order
from services.orders.process_order import confirm_notification, process_order
from services.orders.relay import QUEUE_PORT, Relay
from services.orders.sqs_queue import SqsQueue
from services.orders.stock import STOCK_PORT
from services.orders.store import STORE_PORT
from services.orders.sweep import Sweep
from services.orders.watchers import Watchers
from tests.faults.in_process.inventory import DirectStock, Inventory
from tests.faults.in_process.outside import Outside
from tests.faults.in_process.process import Plan, Process, Unreachable
from tests.faults.in_process.queues import Sqs
from tests.faults.in_process.times import RELAY_LEASE

QUEUE_DEPTH_MAX = 1_000

T = TypeVar("T")


class Orders:
    """What orders' servicer calls, and its loops, which go round when they are told to."""

    def __init__(self, outside: Outside, plan: Plan, inventory: Callable[[], Inventory]) -> None:
        self.process = Process(plan)
        around = self.process.around
        self._clock = outside.clock
        self._store = around(outside.orders, STORE_PORT)
        self._stock = around(DirectStock(inventory), STOCK_PORT)
        self._cache = around(outside.cache, CACHE_PORT)
        queue = around(SqsQueue(Sqs(outside.queue), "queue"), QUEUE_PORT)
        self._relay = Relay(self._store, queue, self._clock, RELAY_LEASE, QUEUE_DEPTH_MAX)
        self._watchers = Watchers(self._store, around(outside.changes, CHANGES_PORT))
        self._sweep = Sweep(self._store, self._stock, queue, self._relay, self._clock, QUEUE_DEPTH_MAX // 2)

    async def create(self, customer: Identity, key: str, line: Line) -> Placed:
        """CreateOrder."""
        request = OrderRequest(customer, (line,), key, metadata_key="", traceparent="")
        return await create_order(self._store, self._stock, self._clock, self._relay.wake, request)

    async def cancel(self, customer: Identity, order_id: str) -> Order:
        """CancelOrder."""
        return await cancel_order(
            self._store,
            self._stock,
            self._clock,
            self._relay.wake,
            self._watchers.moved,
            customer,
            order_id,
            traceparent="",
        )

    async def process_order(self, order_id: str) -> Order:
        """ProcessOrder."""
        return await process_order(self._store, self._stock, self._cache, self._clock, self._watchers.moved, order_id)

    async def confirm_notification(self, order_id: str) -> None:
        """ConfirmNotification."""
        await confirm_notification(self._store, order_id)

    async def publish(self) -> None:
        """One round of the relay."""
        await self._relay.publish_due()

    async def sweep(self) -> None:
        """One round of the sweep."""
        await self._sweep.once()

    async def tell_changes(self) -> None:
        """One round of telling the other replicas which orders moved."""
        await self._watchers.tell_untold()


class DirectOrders:
    """See :class:`services.notifier.orders.Orders`. ``orders`` is the one that lives now."""

    def __init__(self, orders: Callable[[], Orders]) -> None:
        self._orders = orders

    async def process(self, order_id: str) -> EndedOrder:
        """See the port."""
        return order_of(order_message(await self._ask(self._orders().process_order(order_id))))

    async def confirm_told(self, order_id: str) -> None:
        """See the port."""
        await self._ask(self._orders().confirm_notification(order_id))

    async def probe(self) -> None:
        """See the port."""
        if self._orders().process.is_dead:
            raise DependencyDown(Dependency.ORDERS, "dead")

    async def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            return await self._orders().process.answer(question)
        except (NotFound, FailedPrecondition) as error:
            raise OrderRefused(error.message) from error
        except (Unreachable, Unavailable) as error:
            raise DependencyDown(Dependency.ORDERS, str(error)) from error

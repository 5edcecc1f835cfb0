"""Following an order until it has ended."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

from chassis.call import Identity
from chassis.violations import Violations
from services.orders.cache import OrderCache
from services.orders.get_order import get_order
from services.orders.order import Order
from services.orders.store import OrderStore
from services.orders.watchers import Watchers


async def watch_order(
    store: OrderStore,
    cache: OrderCache,
    watchers: Watchers,
    reader: Identity,
    order_id: str,
    after_version: int,
    let_in: Callable[[], Awaitable[None]],
) -> AsyncGenerator[Order, None]:
    """The order as it is, or each version after ``after_version``; then each version that comes, to the last.

    ``let_in`` is called when there is nothing to show yet and nothing wrong.
    """
    with watchers.watching(order_id) as watch:  # first: a version that comes while the order is read is not missed
        order = await get_order(store, cache, reader, order_id)
        _check(after_version, order)
        if after_version == 0:
            yield order
        elif after_version < order.version:
            for version in _versions(order, after_version):
                yield version
        elif not order.status.is_terminal:
            await let_in()
        while not order.status.is_terminal:
            seen = order.version
            order = await watch.newer_than(seen)
            for version in _versions(order, seen):
                yield version


def _versions(order: Order, after: int) -> Iterator[Order]:
    return (order.at(version) for version in range(after + 1, order.version + 1))


def _check(after_version: int, order: Order) -> None:
    violations = Violations()
    has_reached = 0 <= after_version <= order.version
    violations.require(has_reached, "after_version", "must be a version that the order has reached, or 0")
    violations.check()

"""What was published, against the orders that it was about (PUBLISH)."""

from collections.abc import Iterator, Mapping

from bench.audit.checks import Check
from bench.audit.data import Data


def event_findings(data: Data, published: Mapping[str, int], *, had_fault: bool) -> Iterator[str]:
    """Events of nothing, at every moment; and events that came twice though nothing had gone wrong.

    ``published`` counts by event id (``<order_id>:<version>``) how often the queue accepted each.
    """
    for event_id, count in published.items():
        order_id, _, version = event_id.rpartition(":")
        order = data.orders.get(order_id)
        if order is None or int(version) > order.version:
            is_what = "not there" if order is None else f"at version {order.version}"
            yield Check.PUBLISH.finding(f"event {event_id} was published, its order is {is_what}")
        if count > 1 and not had_fault:
            yield Check.PUBLISH.finding(f"event {event_id} was published {count} times, and there was no fault")


def unpublished_findings(data: Data, published: Mapping[str, int]) -> Iterator[str]:
    """Events that the queue never got; at rest it has got all."""
    for order in data.orders.values():
        versions = [1, order.version] if order.status == "CANCELLED" else [1]
        for version in versions:
            if f"{order.order_id}:{version}" not in published:
                yield Check.PUBLISH.finding(f"event {order.order_id}:{version} was never published")

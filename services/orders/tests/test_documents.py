"""Orders as documents, also those of an earlier version."""

from datetime import UTC, datetime

from services.orders.documents import order_document, order_from
from services.orders.order import Money, OrderItem, place

ORDER = place(
    order_id="o-1",
    user_id="ada",
    request_id="k-1",
    fingerprint="f",
    email="ada@example.com",
    items=(OrderItem("LAMP", "Lamp", 2, Money("EUR", 2_500)),),
    now=datetime(2026, 7, 1, 12, tzinfo=UTC),
    traceparent="00-trace",
)


def test_an_order_that_was_kept_before_orders_had_a_trace_has_none() -> None:
    document = order_document(ORDER)
    del document["traceparent"]

    assert order_from(order_document(ORDER)).traceparent == "00-trace"
    assert order_from(document).traceparent == ""

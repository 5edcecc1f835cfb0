"""The pure domain."""

from datetime import UTC, datetime

import pytest

from services.orders.order import (
    EventType,
    Line,
    Money,
    NotificationDebt,
    OrderItem,
    Status,
    StockDebt,
    begin,
    cancel,
    fingerprint_of,
    order_id_of,
    place,
)

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
ITEMS = (OrderItem("DESK", "Desk", 1, Money("EUR", 19_900)), OrderItem("LAMP", "Lamp", 3, Money("EUR", 2_500)))


def test_the_same_customer_and_key_are_the_same_order() -> None:
    assert order_id_of("ada", "k-1") == order_id_of("ada", "k-1")
    assert order_id_of("ada", "k-1") != order_id_of("ada", "k-2")


def test_where_the_customers_id_ends_matters() -> None:
    assert order_id_of("ada", "1k") != order_id_of("ada1", "k")


def test_the_fingerprint_does_not_depend_on_the_order_of_the_lines() -> None:
    assert fingerprint_of((Line("A", 1), Line("B", 2))) == fingerprint_of((Line("B", 2), Line("A", 1)))


@pytest.mark.parametrize("other", [(Line("A", 1),), (Line("A", 1), Line("B", 3)), (Line("A", 1), Line("B2", 2))])
def test_other_lines_have_another_fingerprint(other: tuple[Line, ...]) -> None:
    assert fingerprint_of(other) != fingerprint_of((Line("A", 1), Line("B", 2)))


def test_a_new_order_is_pending_and_announced() -> None:
    order = place(
        order_id="o-1",
        user_id="ada",
        request_id="k-1",
        fingerprint="f",
        email="ada@example.com",
        items=ITEMS,
        now=NOON,
        traceparent="t",
    )

    assert (order.status, order.version, len(order.history)) == (Status.PENDING, 1, 1)
    assert order.total == Money("EUR", 27_400)
    (event,) = order.pending_events
    assert (event.event_id, event.type, event.traceparent) == ("o-1:1", EventType.CREATED, "t")


def test_a_cancelled_order_owes_its_stock_and_a_mail() -> None:
    order = place(
        order_id="o-1",
        user_id="ada",
        request_id="k",
        fingerprint="f",
        email="",
        items=ITEMS,
        now=NOON,
        traceparent="",
    )

    move = cancel(order, NOON, "t")

    assert (move.status, move.version, move.to.status) == (Status.PENDING, 1, Status.CANCELLED)
    assert (move.stock, move.notification) == (StockDebt.TO_RELEASE, NotificationDebt.TO_SEND)
    assert move.event is not None
    assert (move.event.event_id, move.event.type) == ("o-1:2", EventType.CANCELLED)


def test_beginning_owes_nothing_yet() -> None:
    order = place(
        order_id="o-1", user_id="a", request_id="k", fingerprint="f", email="", items=ITEMS, now=NOON, traceparent=""
    )

    move = begin(order, NOON)

    assert (move.to.status, move.stock, move.notification, move.event) == (Status.PROCESSING, None, None, None)

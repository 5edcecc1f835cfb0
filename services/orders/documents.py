"""Orders as BSON documents, and back: for MongoDB and for the cache."""

from typing import Any

from chassis.mongo import Document
from services.orders.order import (
    Event,
    EventType,
    Failure,
    Money,
    NotificationDebt,
    Order,
    OrderItem,
    Status,
    StatusChange,
    StockDebt,
)


def order_document(order: Order) -> Document:
    """The whole order. Debts and failure are absent when there are none."""
    document: Document = {
        "_id": order.order_id,
        "user_id": order.user_id,
        "request_id": order.request_id,
        "fingerprint": order.fingerprint,
        "email": order.email,
        "items": [_item_document(item) for item in order.items],
        "create_time": order.create_time,
        "status": order.status,
        "version": order.version,
        "history": [change_document(change) for change in order.history],
        "pending_events": [event_document(event) for event in order.pending_events],
        "traceparent": order.traceparent,
    }
    return document | debts_document(order.failure, order.stock, order.notification)


def debts_document(failure: Failure | None, stock: StockDebt | None, notification: NotificationDebt | None) -> Document:
    """What is there of how an order ended."""
    document: Document = {}
    if failure is not None:
        document["failure"] = {"reason": failure.reason, "message": failure.message}
    if stock is not None:
        document["stock"] = stock
    if notification is not None:
        document["notification"] = notification
    return document


def change_document(change: StatusChange) -> Document:
    """One entry of the history."""
    return {"status": change.status, "time": change.time}


def event_document(event: Event) -> Document:
    """One entry of the outbox. The order's id is the document's."""
    return {
        "event_id": event.event_id,
        "type": event.type,
        "version": event.version,
        "time": event.time,
        "traceparent": event.traceparent,
    }


def order_from(document: Document) -> Order:
    """The order that a document stands for."""
    failure = document.get("failure")
    return Order(
        order_id=document["_id"],
        user_id=document["user_id"],
        request_id=document["request_id"],
        fingerprint=document["fingerprint"],
        email=document["email"],
        items=tuple(_item(item) for item in document["items"]),
        status=Status(document["status"]),
        version=document["version"],
        history=tuple(StatusChange(Status(entry["status"]), entry["time"]) for entry in document["history"]),
        failure=None if failure is None else Failure(failure["reason"], failure["message"]),
        stock=_member(StockDebt, document.get("stock")),
        notification=_member(NotificationDebt, document.get("notification")),
        pending_events=tuple(event_from(document["_id"], event) for event in document["pending_events"]),
        traceparent=document.get("traceparent", ""),  # orders were kept without, once
    )


def event_from(order_id: str, document: Document) -> Event:
    """The event that an entry of an order's outbox stands for."""
    return Event(
        event_id=document["event_id"],
        type=EventType(document["type"]),
        order_id=order_id,
        version=document["version"],
        time=document["time"],
        traceparent=document["traceparent"],
    )


def _member(enum: Any, value: str | None) -> Any:
    return None if value is None else enum(value)


def _item_document(item: OrderItem) -> Document:
    return {
        "sku": item.sku,
        "name": item.name,
        "quantity": item.quantity,
        "unit_price": {"currency_code": item.unit_price.currency_code, "minor_units": item.unit_price.minor_units},
    }


def _item(document: Document) -> OrderItem:
    price = document["unit_price"]
    money = Money(price["currency_code"], price["minor_units"])
    return OrderItem(document["sku"], document["name"], document["quantity"], money)

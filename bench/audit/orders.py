"""Orders by themselves, against their reservations, and against how they were before (HISTORY, I2, I3, I4, I6)."""

from collections.abc import Iterator

from bench.audit.checks import Check
from bench.audit.data import Data, Order

NEXT = {"": {"PENDING"}, "PENDING": {"PROCESSING", "CANCELLED"}, "PROCESSING": {"PROCESSED", "FAILED"}}
"""The moves that there are. Written down here once more: an audit does not ask the audited what is right."""

RESERVATION_OF = {"PROCESSED": "COMMITTED", "FAILED": "RELEASED"}
"""What inventory had said before an order could end so."""

FINAL = frozenset({"COMMITTED", "RELEASED"})


def order_findings(data: Data) -> Iterator[str]:
    """What is wrong with orders and their reservations, at every moment."""
    keys: dict[tuple[str, str], str] = {}
    for order in data.orders.values():
        yield from _history_findings(order)
        twin = keys.setdefault((order.user_id, order.request_id), order.order_id)
        if twin != order.order_id:
            yield Check.I2.finding(f"orders {twin} and {order.order_id} have one customer and one key")
        yield from _reservation_findings(data, order)
    for order_id, reservation in data.reservations.items():
        owner = data.orders.get(order_id)
        if reservation.state == "COMMITTED" and (owner is None or owner.status not in {"PROCESSING", "PROCESSED"}):
            is_what = "not there" if owner is None else owner.status
            yield Check.I4.finding(f"reservation {order_id} is COMMITTED, its order is {is_what}")


def changed_findings(before: Data, now: Data) -> Iterator[str]:
    """What went away or went back between two looks."""
    for order_id, then in before.orders.items():
        order = now.orders.get(order_id)
        if order is None:
            yield Check.I3.finding(f"order {order_id} was {then.status}, and is gone")
        elif order.version < then.version or order.history[: len(then.history)] != then.history:
            yield Check.HISTORY.finding(f"order {order_id} was {_path(then)}, and is {_path(order)} now")
        elif then.is_terminal and order.status != then.status:
            yield Check.HISTORY.finding(f"order {order_id} had ended {then.status}, and is {order.status} now")
        elif order.lines != then.lines:
            yield Check.I4.finding(f"order {order_id} has other lines than before")
    for order_id, was in before.reservations.items():
        reservation = now.reservations.get(order_id)
        if reservation is None:
            yield Check.I4.finding(f"reservation {order_id} was {was.state}, and is gone")
        elif was.state in FINAL and reservation.state != was.state:
            yield Check.I4.finding(f"reservation {order_id} was {was.state} for good, and is {reservation.state} now")
        elif reservation.lines != was.lines:
            yield Check.I4.finding(f"reservation {order_id} has other lines than before")


def unsettled_findings(data: Data) -> Iterator[str]:
    """What has not come to its end; at rest nothing is left."""
    for order in data.orders.values():
        if not order.is_terminal:
            yield Check.I3.finding(f"order {order.order_id} is {order.status} and has not ended")
        if order.due:
            yield Check.I6.finding(f"order {order.order_id} is at rest and has {', '.join(order.due)}")
        if order.status in {"FAILED", "CANCELLED"}:
            if order.stock != "RELEASED":
                yield Check.I4.finding(f"order {order.order_id} is {order.status}, its stock is {order.stock}")
            state = _state(data, order)
            if state != "RELEASED" and order.status not in RESERVATION_OF:
                yield Check.I4.finding(f"order {order.order_id} is {order.status}, its reservation {state}")
    for order_id, reservation in data.reservations.items():
        if reservation.state == "HELD" and order_id not in data.orders:
            yield Check.I4.finding(f"reservation {order_id} is HELD, its order is not there")


def _history_findings(order: Order) -> Iterator[str]:
    if order.history.count("PROCESSED") > 1:
        yield Check.HISTORY.finding(f"order {order.order_id} was processed twice: {_path(order)}")
        return
    moves = zip(("", *order.history), order.history, strict=False)
    is_legal = bool(order.history) and all(to in NEXT.get(status, ()) for status, to in moves)
    if not is_legal or order.version != len(order.history) or order.status != order.history[-1]:
        yield Check.HISTORY.finding(
            f"order {order.order_id} is {order.status} with version {order.version}, its history is {_path(order)}"
        )


def _reservation_findings(data: Data, order: Order) -> Iterator[str]:
    state, expected = _state(data, order), RESERVATION_OF.get(order.status)
    if state is None:
        yield Check.I4.finding(f"order {order.order_id} has no reservation")
        return
    if expected is not None and state != expected:
        yield Check.I4.finding(f"order {order.order_id} is {order.status}, its reservation {state}")
    if order.stock == "RELEASED" and state != "RELEASED":
        yield Check.I4.finding(f"order {order.order_id} says that its stock is released, its reservation is {state}")
    if order.lines != data.reservations[order.order_id].lines:
        yield Check.I4.finding(f"order {order.order_id} and its reservation have other lines")


def _state(data: Data, order: Order) -> str | None:
    reservation = data.reservations.get(order.order_id)
    return None if reservation is None else reservation.state


def _path(order: Order) -> str:
    return " > ".join(order.history) or "empty"

"""``python -m bench.json_codec``: what ProtoJSON costs, ours against ``json_format``, in one run.

An order of three lines each way, a request for one, and a page of 50 orders. Every message is another one, so that
nothing which is remembered flatters. What counts is this thread's own time on the processor; each figure is the median
of its rounds, which take turns. Exit code 1 when a target is missed: 25 us for reading the request and writing the
order, and a third of ``json_format`` everywhere.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import median
from time import thread_time_ns
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from gateway import codec, jsontext
from gateway.violations import BoundedViolations
from ordermesh.orders.v1 import order_service_pb2 as orders_pb2
from ordermesh.types.v1.money_pb2 import Money

ROUNDS = 15
ROUND_MS = 20
ORDERS = 256
"""How many there are, on as many days."""

PAGE = 50
LINES = 3
REQUEST_AND_ORDER_US_MAX = 25.0
RATIO_MIN = 3.0


@dataclass(frozen=True)
class Case:
    """The same work by both."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]


@dataclass(frozen=True)
class Figure:
    """Medians in microseconds."""

    name: str
    ours_us: float
    theirs_us: float

    @property
    def ratio(self) -> float:
        """How many times as long ``json_format`` takes."""
        return self.theirs_us / self.ours_us


def order(number: int) -> orders_pb2.Order:
    """An order of three lines that has been processed, like no other."""
    made = orders_pb2.Order(
        order_id=f"{number:032x}",
        user_id=f"{number * 7:024x}",
        email=f"customer-{number}@example.com",
        items=[_item(number + line) for line in range(LINES)],
        total=Money(currency_code="EUR", minor_units=1999 * (number + 1)),
        status=orders_pb2.Order.PROCESSED,
        version=3,
    )
    begun = 1_780_000_000 + number * 86_400 + number * 61
    for index, status in enumerate((orders_pb2.Order.PENDING, orders_pb2.Order.PROCESSING, orders_pb2.Order.PROCESSED)):
        change = made.history.add(status=status)
        change.time.seconds, change.time.nanos = begun + index, (number * 7 + index) % 1_000 * 1_000_000
    made.create_time.CopyFrom(made.history[0].time)
    made.update_time.CopyFrom(made.history[-1].time)
    return made


def _item(number: int) -> orders_pb2.OrderItem:
    price = Money(currency_code="EUR", minor_units=1999 + number)
    return orders_pb2.OrderItem(
        sku=f"LAMP-{number}", name=f"Lämpchen {number}", quantity=number % 9 + 1, unit_price=price
    )


def request(made: orders_pb2.Order) -> orders_pb2.CreateOrderRequest:
    """The request that it came from."""
    lines = [orders_pb2.OrderLine(sku=item.sku, quantity=item.quantity) for item in made.items]
    return orders_pb2.CreateOrderRequest(items=lines)


def cases() -> list[Case]:
    """What is measured."""
    orders = [order(number) for number in range(ORDERS)]
    pages = [orders_pb2.ListOrdersResponse(orders=orders[first : first + PAGE]) for first in range(0, ORDERS, PAGE)]
    requests = [request(made) for made in orders]
    kinds: dict[str, list[Any]] = {"request": requests, "order": orders, f"page of {PAGE}": pages}
    return [made(kind, messages) for kind, messages in kinds.items() for made in (_writing, _reading)]


def _writing(kind: str, messages: list[Any]) -> Case:
    ours, theirs = cycle(messages), cycle(messages)
    return Case(f"write {kind}", lambda: codec.encode(next(ours)), lambda: _written_by_json_format(next(theirs)))


def _written_by_json_format(message: Message) -> bytes:
    return json_format.MessageToJson(message, indent=None, always_print_fields_with_no_presence=True).encode()


def _reading(kind: str, messages: list[Any]) -> Case:
    message_class = type(messages[0])
    texts = [codec.encode(message) for message in messages]
    ours, theirs = cycle(texts), cycle(texts)
    return Case(
        f"read {kind}",
        lambda: _read(next(ours), message_class),
        lambda: json_format.Parse(next(theirs), message_class()),
    )


def _read(text: bytes, message_class: Any) -> Any:
    message, found = message_class(), BoundedViolations()
    codec.merge(jsontext.load(text), message, found)
    found.check()
    return message


def measure(case: Case, rounds: int) -> Figure:
    """Let both take turns."""
    taken: dict[Callable[[], Any], list[float]] = {case.ours: [], case.theirs: []}
    repeats = {work: max(1, int(ROUND_MS * 1_000 / _microseconds(work, 3))) for work in taken}
    for _ in range(rounds):
        for work, times in taken.items():
            times.append(_microseconds(work, repeats[work]))
    return Figure(case.name, median(taken[case.ours]), median(taken[case.theirs]))


def _microseconds(work: Callable[[], Any], repeats: int) -> float:
    begun = thread_time_ns()
    for _ in range(repeats):
        work()
    return (thread_time_ns() - begun) / repeats / 1_000


def main(arguments: Sequence[str]) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.json_codec", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each; default {ROUNDS}")
    rounds = parser.parse_args(arguments).rounds
    sys.stdout.write(f"{'us of processor time':24}{'ours':>10}{'json_format':>14}{'ratio':>8}\n")
    figures = {}
    for case in cases():
        figure = figures[case.name] = measure(case, rounds)
        sys.stdout.write(f"{case.name:24}{figure.ours_us:10.1f}{figure.theirs_us:14.1f}{figure.ratio:8.1f}\n")
    both = figures["read request"].ours_us + figures["write order"].ours_us
    sys.stdout.write(
        f"read a request and write its order: {both:.1f} us, at most {REQUEST_AND_ORDER_US_MAX:.0f} us is the target\n"
        f"write and read an order: {figures['write order'].ours_us + figures['read order'].ours_us:.1f} us\n"
    )
    return 0 if both <= REQUEST_AND_ORDER_US_MAX and all(f.ratio >= RATIO_MIN for f in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""I1: the stock of each item adds up."""

from collections import Counter
from collections.abc import Iterator

from bench.audit.checks import Check
from bench.audit.data import Data


def stock_findings(data: Data) -> Iterator[str]:
    """What does not add up, at every moment."""
    held, sold = _quantities(data, "HELD"), _quantities(data, "COMMITTED")
    for sku in sorted(data.items.keys() | data.adjusted.keys() | held.keys() | sold.keys()):
        item = data.items.get(sku)
        if item is None:
            yield Check.I1.finding(f"{sku} has reservations or adjustments, and there is no such item")
            continue
        counts = (item.available, item.reserved, item.sold, item.adjusted)
        expected = (data.adjusted[sku] - held[sku] - sold[sku], held[sku], sold[sku], data.adjusted[sku])
        if counts != expected:
            yield Check.I1.finding(
                f"{sku} has {_words(counts)}; its reservations and adjustments say {_words(expected)}"
            )
        if min(counts) < 0 or item.adjusted != item.available + item.reserved + item.sold:
            yield Check.I1.finding(f"{sku} has {_words(counts)}, which is below 0 or does not add up")
        if max(item.sold, sold[sku]) > data.added[sku]:
            yield Check.I1.finding(
                f"{sku} is sold {max(item.sold, sold[sku])} times, {data.added[sku]} were ever added"
            )


def _quantities(data: Data, state: str) -> Counter[str]:
    quantities: Counter[str] = Counter()
    for reservation in data.reservations.values():
        if reservation.state == state:
            for line in reservation.lines:
                quantities[line.sku] += line.quantity
    return quantities


def _words(counts: tuple[int, int, int, int]) -> str:
    return "available {}, reserved {}, sold {}, adjusted {}".format(*counts)

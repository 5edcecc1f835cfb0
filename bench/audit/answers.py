"""What clients were answered, against what the data says (I2, I3, JOURNAL, VERSIONS)."""

from collections.abc import Iterator, Sequence

from bench.audit.checks import Check
from bench.audit.data import TERMINAL, Data
from bench.audit.journal import Accepted, Cancelled, Entry, NotCancelled, Refused, Saw

Key = tuple[str, str]
"""A user and an idempotency key."""

Sight = tuple[int, str]
"""The version and the status of an order, as a client saw it."""


def answer_findings(data: Data, journal: Sequence[Entry]) -> Iterator[str]:
    """Answers that the data does not bear out, at every moment: what was acknowledged before is there."""
    yield from _missing_findings(data, journal)
    yield from _acknowledgement_findings(data, journal)
    yield from _cancellation_findings(data, journal)
    yield from _version_findings(data, journal)


def refusal_findings(data: Data, journal: Sequence[Entry]) -> Iterator[str]:
    """Keys whose last answer was that the stock is gone, and an order is there; at rest, when none is under way.

    A key that some call was acknowledged for is no such key: of two calls at once the refused one may end last.
    """
    last: dict[Key, Refused] = {(e.user, e.key): e for e in journal if isinstance(e, Refused)}
    for entry in journal:
        if isinstance(entry, Accepted):
            last.pop((entry.user, entry.key), None)
    for order in data.orders.values():
        refused = last.get((order.user_id, order.request_id))
        if refused is not None and refused.reason == "OUT_OF_STOCK":
            yield Check.JOURNAL.finding(
                f"key {order.request_id} of {order.user_id} was refused with OUT_OF_STOCK, "
                f"its order {order.order_id} is {order.status}"
            )


def _missing_findings(data: Data, journal: Sequence[Entry]) -> Iterator[str]:
    named = {entry.order_id: entry for entry in journal if isinstance(entry, Accepted | Cancelled | Saw)}
    for order_id, entry in named.items():
        if order_id not in data.orders:
            yield Check.I3.finding(f"order {order_id} was answered to {entry.client}, and is not there")


def _acknowledgement_findings(data: Data, journal: Sequence[Entry]) -> Iterator[str]:
    orders_of: dict[Key, str] = {}
    for entry in journal:
        if not isinstance(entry, Accepted):
            continue
        first = orders_of.setdefault((entry.user, entry.key), entry.order_id)
        if first != entry.order_id:
            yield Check.I2.finding(f"key {entry.key} of {entry.user} was answered with {first} and {entry.order_id}")
        order = data.orders.get(entry.order_id)
        if order is None:
            continue
        if (order.user_id, order.request_id) != (entry.user, entry.key):
            yield Check.I3.finding(
                f"order {order.order_id} was acknowledged to {entry.user} for key {entry.key}, "
                f"it is that of {order.user_id} and {order.request_id}"
            )
        if order.quantities != dict(entry.items):
            yield Check.I3.finding(
                f"order {order.order_id} was acknowledged with {dict(entry.items)}, it has {order.quantities}"
            )


def _cancellation_findings(data: Data, journal: Sequence[Entry]) -> Iterator[str]:
    for entry in journal:
        if not isinstance(entry, Cancelled | NotCancelled):
            continue
        order = data.orders.get(entry.order_id)
        if order is None:
            continue
        if isinstance(entry, Cancelled) and order.status != "CANCELLED":
            yield Check.JOURNAL.finding(
                f"order {order.order_id} was cancelled for {entry.client}, and is {order.status}"
            )
        is_refused = isinstance(entry, NotCancelled) and entry.reason == "ORDER_NOT_CANCELLABLE"
        if is_refused and order.status == "CANCELLED":
            yield Check.JOURNAL.finding(
                f"order {order.order_id} could not be cancelled for {entry.client}, and is CANCELLED"
            )


def _version_findings(data: Data, journal: Sequence[Entry]) -> Iterator[str]:
    last: dict[tuple[str, str], Sight] = {}
    seen: dict[str, set[Sight]] = {}
    for entry in journal:
        if not isinstance(entry, Accepted | Cancelled | Saw):
            continue
        sight = (entry.version, "CANCELLED" if isinstance(entry, Cancelled) else entry.status)
        before = last.get((entry.client, entry.order_id), sight)
        if _went_back(before, sight):
            yield Check.VERSIONS.finding(
                f"{entry.client} saw order {entry.order_id} as {_words(before)} and then as {_words(sight)}"
            )
        last[entry.client, entry.order_id] = sight
        seen.setdefault(entry.order_id, set()).add(sight)
    for order_id, sights in seen.items():
        order = data.orders.get(order_id)
        now = (order.version, order.status) if order is not None else None
        for sight in sorted(sights):
            if now is not None and _went_back(sight, now):
                yield Check.VERSIONS.finding(f"order {order_id} was seen as {_words(sight)}, it is {_words(now)}")


def _went_back(before: Sight, after: Sight) -> bool:
    """A version is one status for ever, and a terminal one is the last."""
    (version, status), (next_version, next_status) = before, after
    return next_version < version or ((next_version == version or status in TERMINAL) and next_status != status)


def _words(sight: Sight) -> str:
    version, status = sight
    return f"{status} (version {version})"

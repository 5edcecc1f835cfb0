"""Whatever is done to orders, in any order and by two workers, a store keeps what a few fields would.

``make test`` tries the same examples each time. To try many more, and new ones each time::

    pytest services/orders/tests/test_order_properties.py --hypothesis-profile=long
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chassis.mongo import Database, Document
from chassis.testing import ManualClock
from services.orders.memory_store import MemoryStore
from services.orders.mongo_store import MongoStore
from services.orders.order import Event, Failure, Order, Status, begin, cancel, complete, fail
from services.orders.order import Move as OrderMove
from services.orders.store import OrderStore
from services.orders.tests.conftest import LEASE, SWEEP
from services.orders.tests.model import ENDS, Model, values
from services.orders.tests.stored import placed

ORDERS = ("o-1", "o-2")
STEPS_MAX = 25
MEMORY_EXAMPLES = 6
"""For each example over MongoDB so many over memory, which costs next to nothing."""

GONE = Failure("OUT_OF_STOCK", "Gone.")


@dataclass(frozen=True)
class Place:
    """Insert orders, perhaps such that are there."""

    order_ids: tuple[str, ...]


@dataclass(frozen=True)
class Move:
    """Try to move an order from where it was, perhaps long ago; ``version_error`` is added to its version."""

    kind: str
    order_id: str
    version_error: int


@dataclass(frozen=True)
class Pay:
    """Record that a debt is paid."""

    debt: str
    order_id: str


@dataclass(frozen=True)
class Claim:
    """A relay claims events."""

    worker: int
    orders_max: int


@dataclass(frozen=True)
class Publish:
    """A relay says which of the events that it once claimed the queue has: of one order, all or the first."""

    worker: int
    nth: int
    only_first: bool


@dataclass(frozen=True)
class Look:
    """A sweep looks for what is overdue."""

    worker: int


@dataclass(frozen=True)
class Sweep:
    """A sweep claims one of the orders that it once saw."""

    worker: int
    nth: int
    publish: bool


@dataclass(frozen=True)
class PutOff:
    """A sweep says that it looked after the order that it claimed last, perhaps long ago."""

    worker: int


@dataclass(frozen=True)
class Wait:
    """Let time pass, until the first worker looks for what is overdue."""

    seconds: float


@dataclass(frozen=True)
class Race:
    """Do both at the same time."""

    first: "Step"
    second: "Step"


Step = Place | Move | Pay | Claim | Publish | Look | Sweep | PutOff | Wait | Race
Check = Callable[[Model], None]
"""Takes a model one step further, and objects when the store's answer does not fit."""

orders, workers, nths = st.sampled_from(ORDERS), st.integers(0, 1), st.integers(0, 1)
moves = st.builds(Move, st.sampled_from(("begin", "cancel", "complete", "fail")), orders, st.sampled_from((0, 0, 0, 1)))
pays = st.builds(Pay, st.sampled_from(("stock", "mail")), orders)
publications = st.builds(Publish, workers, nths, st.booleans())
sweeps = st.builds(Sweep, workers, nths, st.booleans())
put_offs = st.builds(PutOff, workers)
changes = st.one_of(st.builds(Place, st.tuples(orders)), moves, moves, pays, sweeps, put_offs)
everything = st.builds(Claim, workers, st.just(len(ORDERS)))
steps = st.one_of(
    st.builds(Place, st.lists(orders, min_size=1, max_size=2).map(tuple)),
    moves,
    moves,
    pays,
    st.builds(Claim, workers, st.integers(1, 2)),
    publications,
    st.builds(Look, workers),
    sweeps,
    put_offs,
    st.builds(Wait, st.sampled_from((1, LEASE.total_seconds(), 60, 60, 300, 3_600))),
    st.builds(Race, changes, changes | publications),
    st.builds(Race, everything, changes),
)
many_steps = st.lists(steps, max_size=STEPS_MAX) | st.lists(steps, min_size=STEPS_MAX // 2, max_size=STEPS_MAX)
first_steps = st.sampled_from((Place(ORDERS), Place(ORDERS[:1])))


@dataclass
class Desk:
    """A store beside its model, two workers' memories, and each status of each order that was seen."""

    store: OrderStore
    rows: Callable[[], Awaitable[dict[str, Document]]] | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    model: Model = field(default_factory=Model)
    claimed: tuple[list[Event], list[Event]] = field(default_factory=lambda: ([], []))
    overdue: tuple[list[Order], list[Order]] = field(default_factory=lambda: ([], []))
    swept: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    seen: dict[tuple[str, Status], Order] = field(default_factory=dict)

    async def run(self, steps: Sequence[Step]) -> None:
        """Do the steps, comparing answers and the whole state after each."""
        before = await self.state()
        for step in steps:
            if isinstance(step, Race):
                await self.race(step)
            else:
                check = await self.do(step)
                check(self.model)
            after = await self.state()
            assert after == self.expected(self.model)
            check_history(before, after)
            before = after

    async def race(self, step: Race) -> None:
        """What two did at the same time, one of them did wholly before the other."""
        checks = await asyncio.gather(self.do(step.first), self.do(step.second))
        state = await self.state()
        for in_order in (checks, checks[::-1]):
            model = deepcopy(self.model)
            if fits(model, in_order) and self.expected(model) == state:
                self.model = model
                return
        raise AssertionError("neither went before the other")

    async def do(self, step: Step) -> Check:
        """Ask the store; returns how to tell the model."""
        check: Check = nothing
        match step:
            case Place(order_ids):
                check = await self.place(order_ids)
            case Move():
                check = await self.move(step)
            case Pay(debt, order_id):
                check = await self.pay(debt, order_id)
            case Claim(worker, orders_max):
                check = await self.claim(worker, orders_max)
            case Publish():
                check = await self.publish(step)
            case Look(worker):
                check = await self.look(worker)
            case Sweep():
                check = await self.sweep(step)
            case PutOff(worker):
                check = await self.put_off(worker)
            case Wait(seconds):
                self.clock.advance(seconds)
                check = await self.look(0)
        return check

    async def place(self, order_ids: Sequence[str]) -> Check:
        now = self.clock.now()
        inserted = await self.store.insert([placed(order_id, now) for order_id in order_ids])
        return lambda model: model.place(order_ids, now, inserted)

    async def claim(self, worker: int, orders_max: int) -> Check:
        now = self.clock.now()
        events = await self.store.claim_events(now, LEASE, orders_max)
        self.claimed[worker][:] = events or self.claimed[worker]
        return lambda model: model.claimed(now, orders_max, events)

    async def look(self, worker: int) -> Check:
        now = self.clock.now()
        overdue = await self.store.overdue(now, len(ORDERS))
        self.overdue[worker][:] = overdue or self.overdue[worker]
        return lambda model: model.overdue(now, overdue)

    async def move(self, step: Move) -> Check:
        now, begins = self.clock.now(), Status.PENDING if step.kind in {"begin", "cancel"} else Status.PROCESSING
        order = self.seen.get((step.order_id, begins))
        if order is None:
            return nothing
        moves: dict[str, Callable[[Order], OrderMove]] = {
            "begin": lambda order: begin(order, now),
            "cancel": lambda order: cancel(order, now, "00-trace"),
            "complete": lambda order: complete(order, now),
            "fail": lambda order: fail(order, GONE, now),
        }
        move = replace(moves[step.kind](order), version=order.version + step.version_error)
        moved = await self.store.apply(move)
        return lambda model: model.move(step.order_id, step.kind, move.version, now, moved)

    async def pay(self, debt: str, order_id: str) -> Check:
        if not self.is_placed(order_id):
            return nothing
        if debt == "stock":
            await self.store.record_released(order_id)
            return lambda model: model.released(order_id)
        told = await self.store.record_notified(order_id)
        return lambda model: model.notified(order_id, told)

    async def publish(self, step: Publish) -> Check:
        claimed = self.claimed[step.worker]
        if not claimed:
            return nothing
        order_id = claimed[step.nth % len(claimed)].order_id
        event_ids = [event.event_id for event in claimed if event.order_id == order_id]
        event_ids = event_ids[:1] if step.only_first else event_ids
        await self.store.record_published(order_id, event_ids)
        return lambda model: model.published(order_id, event_ids)

    async def sweep(self, step: Sweep) -> Check:
        now, overdue = self.clock.now(), self.overdue[step.worker]
        if not overdue:
            return nothing
        order = overdue[step.nth % len(overdue)]
        claimed = await self.store.claim_overdue(order, now, publish=step.publish)
        if claimed:
            self.swept[step.worker] = (order.order_id, now)
        return lambda model: model.swept(order.order_id, order.version, now, publish=step.publish, answer=claimed)

    async def put_off(self, worker: int) -> Check:
        if worker not in self.swept:
            return nothing
        order_id, claim_time = self.swept[worker]
        await self.store.put_off(order_id, claim_time)
        return lambda model: model.put_off(order_id, claim_time)

    def is_placed(self, order_id: str) -> bool:
        return (order_id, Status.PENDING) in self.seen

    async def state(self) -> dict[str, Any]:
        """All that the store says."""
        state: dict[str, Any] = {}
        for order_id in ORDERS:
            order = await self.store.get(order_id)
            if order is not None:
                self.seen.setdefault((order_id, order.status), order)
                self.seen.setdefault((order_id, Status.PENDING), placed(order_id, order.create_time))
            state[order_id] = order and values(order)
        return state | (await self.rows() if self.rows else {})

    def expected(self, model: Model) -> dict[str, Any]:
        """All that it should say."""
        expected: dict[str, Any] = {order_id: model.values(order_id) for order_id in ORDERS}
        if self.rows:
            expected |= {f"row {order_id}": model.row(order_id) for order_id in model.lives}
        return expected


def nothing(model: Model) -> None:
    """The step was not possible, so the model stays as it is."""


def fits(model: Model, checks: Sequence[Check]) -> bool:
    """Whether the answers fit the model in this order."""
    try:
        for check in checks:
            check(model)
    except AssertionError:
        return False
    return True


def check_history(before: dict[str, Any], after: dict[str, Any]) -> None:
    """A history only grows, has each status once and counts the version; after its end there is nothing more."""
    for order_id in ORDERS:
        if after[order_id] is None:
            continue
        status, version, history, *_ = after[order_id]
        assert version == len(history) == len({entry[0] for entry in history})
        assert history[-1][0] == status
        if before[order_id] is not None:
            known = before[order_id][2]
            assert history[: len(known)] == known
            assert before[order_id][0] not in ENDS or history == known


LATE_SWEEP = [Wait(60), Move("begin", "o-1", 0), Sweep(0, 0, publish=True)]
"""The order moved between the sweep's look and its claim."""

CANCELLED_MEANWHILE = [Claim(0, 1), Move("cancel", "o-1", 0), Claim(1, 1), Publish(0, 0, only_first=True), Claim(1, 1)]
"""The customer cancels while a relay publishes."""

WRONG_VERSION = [Move("begin", "o-1", 1), Move("cancel", "o-1", 0), Move("begin", "o-1", 0)]
"""Moves that begin where the order is not."""


@example(first=Place(ORDERS[:1]), rest=WRONG_VERSION)
@example(first=Place(ORDERS[:1]), rest=LATE_SWEEP)
@example(first=Place(ORDERS[:1]), rest=CANCELLED_MEANWHILE)
@settings(max_examples=MEMORY_EXAMPLES * settings.default.max_examples)  # type: ignore[union-attr] # there is a profile
@given(first=first_steps, rest=many_steps)
async def test_memory_is_like_the_model(first: Step, rest: Sequence[Step]) -> None:
    await Desk(MemoryStore(SWEEP)).run((first, *rest))


@example(first=Place(ORDERS[:1]), rest=WRONG_VERSION)
@example(first=Place(ORDERS[:1]), rest=LATE_SWEEP)
@example(first=Place(ORDERS[:1]), rest=CANCELLED_MEANWHILE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(first=first_steps, rest=many_steps)
async def test_mongodb_is_like_the_model(
    mongo_store: MongoStore, database: Database, first: Step, rest: Sequence[Step]
) -> None:
    kept = ("outbox_due_time", "sweep_due_time", "republish_time", "republish_interval_seconds")

    async def rows() -> dict[str, Document]:
        documents = database["orders"].find({}, dict.fromkeys(kept, 1))
        return {f"row {document.pop('_id')}": document async for document in documents}

    await database["orders"].delete_many({})

    await Desk(mongo_store, rows).run((first, *rest))

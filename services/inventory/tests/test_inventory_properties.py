"""Whatever is asked of inventory, in any order, it answers and keeps what a few dicts would.

``make test`` tries the same examples each time. To try many more, and new ones each time::

    pytest services/inventory/tests/test_inventory_properties.py --hypothesis-profile=long
"""

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chassis.mongo import Database
from chassis.pages import Page
from chassis.testing import ManualClock
from services.inventory.decisions import Adjust, Adjusted, Commit, Decision, Expire, Outcome, Release, Reserve
from services.inventory.errors import ItemExists, ItemNotFound
from services.inventory.item import STOCK_MAX, Adjustment, Item, Money
from services.inventory.memory_store import MemoryStore
from services.inventory.mongo_store import MongoStore
from services.inventory.reservation import Line
from services.inventory.store import InventoryStore
from services.inventory.tests.model import Model, answers, as_answers, count_values, reservation_values

SKUS = ("CHAIR", "DESK", "LAMP")
ORDERS = ("o-1", "o-2", "o-3")
STEPS_MAX = 20
MEMORY_EXAMPLES = 6
"""For each example over MongoDB so many over memory, which costs next to nothing."""


@dataclass(frozen=True)
class Create:
    """Add an item, perhaps one that is there."""

    sku: str
    price: Money
    stock: int


@dataclass(frozen=True)
class Update:
    """Change an item's label."""

    sku: str
    name: str | None
    price: Money | None


@dataclass(frozen=True)
class Wait:
    """Let time pass."""

    seconds: int


@dataclass(frozen=True)
class Sweep:
    """Expire what is overdue, as the loop does."""


@dataclass(frozen=True)
class Decide:
    """Decide a group; seconds until a hold of it expires are counted from now."""

    group: tuple[Any, ...]


@dataclass(frozen=True)
class Race:
    """Two replicas decide a group each, at the same time."""

    first: Decide
    second: Decide


Step = Create | Update | Wait | Sweep | Decide | Race

skus, orders = st.sampled_from(SKUS), st.sampled_from(ORDERS)
fingerprints = st.sampled_from("aaaaaaab")
prices = st.builds(Money, st.sampled_from(("EUR", "EUR", "USD")), st.integers(1, 3))
lines = st.lists(st.builds(Line, skus, st.integers(1, 4)), min_size=1, max_size=3, unique_by=lambda line: line.sku)
deltas = st.one_of(st.integers(-4, 4).filter(bool), st.sampled_from((STOCK_MAX, STOCK_MAX - 5)))
decisions = st.one_of(
    st.tuples(st.just(Reserve), orders, fingerprints, lines.map(tuple), st.sampled_from((0, 10, 20))),
    st.tuples(st.just(Commit), orders, fingerprints),
    st.tuples(st.just(Release), orders, fingerprints),
    st.tuples(st.just(Expire), orders),
    st.tuples(st.just(Adjust), skus, st.sampled_from(("k-1", "k-2")), deltas),
)
groups = st.builds(Decide, st.lists(decisions, min_size=1, max_size=4).map(tuple))
steps = st.one_of(
    st.builds(Create, skus, prices, st.integers(0, 6)),
    st.builds(Update, skus, st.sampled_from(("Old", "New")), st.none() | prices),
    st.builds(Update, skus, st.none(), prices),
    st.builds(Wait, st.sampled_from((1, 10, 30))),
    st.just(Sweep()),
    groups,
    groups,
    groups,
    st.builds(Race, groups, groups),
)
many_steps = st.lists(steps, max_size=STEPS_MAX) | st.lists(steps, min_size=STEPS_MAX // 2, max_size=STEPS_MAX)
first_steps = st.tuples(*(st.builds(Create, st.just(sku), prices, st.integers(0, 6)) for sku in SKUS[1:]))
"""Most examples are about items that are there; the third one may come, or not."""


@dataclass
class Shop:
    """A store beside its model, and every item that was ever seen, by sku and version."""

    store: InventoryStore
    clock: ManualClock = field(default_factory=ManualClock)
    model: Model = field(default_factory=Model)
    seen: dict[tuple[str, int], Item] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    async def run(self, first: Sequence[Step], rest: Sequence[Step]) -> None:
        """Do the steps, comparing answers and the whole state after each."""
        before = await self.state()
        for step in (*first, *rest):
            await self.do(step)
            after = await self.state()
            assert after == self.expected()
            self.check_what_is_final(before, after)
            before = after

    async def do(self, step: Step) -> None:
        match step:
            case Create():
                await self.create(step)
            case Update():
                await self.update(step)
            case Wait(seconds):
                self.clock.advance(seconds)
            case Sweep():
                overdue = await self.store.overdue_holds(self.clock.now(), len(ORDERS))
                assert sorted(overdue) == self.model.overdue(self.clock.now())
                await self.decide([Expire(order_id, self.clock.now()) for order_id in overdue])
            case Decide():
                await self.decide(self.group(step))
            case Race(first, second):
                await self.race(self.group(first), self.group(second))

    async def create(self, step: Create) -> None:
        item = Item.new(step.sku, step.sku.title(), step.price, step.stock)
        initial = Adjustment(step.sku, "", step.stock, "initial stock", "root")
        if step.sku in self.model.labels:
            with pytest.raises(ItemExists):
                await self.store.create_item(item, initial)
            return
        await self.store.create_item(item, initial)

        self.model.labels[step.sku] = (item.name, step.price.currency_code, step.price.minor_units)
        self.model.deltas[step.sku, ""] = step.stock

    async def update(self, step: Update) -> None:
        if step.sku not in self.model.labels:
            with pytest.raises(ItemNotFound):
                await self.store.update_item(step.sku, step.name, step.price)
            return
        item = await self.store.update_item(step.sku, step.name, step.price)

        name, currency, price = self.model.labels[step.sku]
        if step.price is not None:
            currency, price = step.price.currency_code, step.price.minor_units
        self.model.labels[step.sku] = (step.name or name, currency, price)
        self.see(item)

    async def decide(self, group: Sequence[Decision]) -> None:
        if not group:
            return
        outcomes = await self.store.decide(group)

        assert as_answers(outcomes) == answers(self.model, group)
        self.see_all(outcomes)

    async def race(self, first: Sequence[Decision], second: Sequence[Decision]) -> None:
        """One of them was decided wholly before the other."""
        outcomes = await asyncio.gather(self.store.decide(first), self.store.decide(second))
        state, got = await self.state(), [as_answers(group) for group in outcomes]

        in_order, reversed_ = deepcopy(self.model), deepcopy(self.model)
        in_order_got = [answers(in_order, first), answers(in_order, second)]
        reversed_got = [answers(reversed_, second), answers(reversed_, first)][::-1]
        fits_in_order = (in_order_got, self.expected(in_order)) == (got, state)
        assert fits_in_order or (reversed_got, self.expected(reversed_)) == (got, state)
        self.model = in_order if fits_in_order else reversed_
        for group in outcomes:
            self.see_all(group)

    def group(self, step: Decide) -> list[Decision]:
        now = self.clock.now()
        made: list[Decision] = []
        for kind, *values in step.group:
            match kind, values:
                case (_, [order_id, fingerprint, wanted, seconds]):
                    made.append(Reserve(order_id, fingerprint, wanted, now + timedelta(seconds=seconds)))
                case (_, [sku, request_id, delta]):
                    made.append(Adjust(Adjustment(sku, request_id, delta, "counted", "root")))
                case (_, [order_id]):
                    made.append(Expire(order_id, now))
                case _:
                    made.append(kind(*values))
        return made

    async def state(self) -> dict[str, object]:
        """All that the store says."""
        items = await self.store.list_items(Page(len(SKUS), None))
        for item in items:
            self.see(item)
            assert self.versions.get(item.sku, 0) <= item.version
            self.versions[item.sku] = item.version
        state: dict[str, object] = {
            item.sku: (item.name, item.unit_price.currency_code, item.unit_price.minor_units, *count_values(item))
            for item in items
        }
        for order_id in ORDERS:
            reservation = await self.store.get_reservation(order_id)
            state[order_id] = reservation and reservation_values(reservation)
        return state

    def expected(self, model: Model | None = None) -> dict[str, object]:
        """All that it should say."""
        model = model or self.model
        state: dict[str, object] = {sku: (*label, *model.counts(sku)) for sku, label in model.labels.items()}
        for order_id in ORDERS:
            hold = model.holds.get(order_id)
            state[order_id] = hold and (hold.fingerprint, hold.state, hold.expire_time, hold.lines)
        return state

    def check_what_is_final(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Fingerprint and lines of an order never change, and neither does a verdict; no stock is negative."""
        for order_id in ORDERS:
            if before[order_id] is not None:
                (fingerprint, state, _, held), now = before[order_id], after[order_id]
                assert (now[0], now[3]) == (fingerprint, held)
                assert state in {"HELD", "EXPIRED"} or now == before[order_id]
        assert all(min(after[sku][3:]) >= 0 for sku in SKUS if sku in after)

    def see_all(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Adjusted):
                self.see(outcome.item)

    def see(self, item: Item) -> None:
        """A version of an item stands for one content, whoever saw it."""
        assert self.seen.setdefault((item.sku, item.version), item) == item


THREE_LAMPS = [Create("LAMP", Money("EUR", 1), 3)]
STOCK_GONE = [
    Decide(((Reserve, "o-1", "a", (Line("LAMP", 3),), 0), (Expire, "o-1"))),
    Decide(((Reserve, "o-2", "a", (Line("LAMP", 1),), 10), (Commit, "o-1", "a"))),
    Decide(((Release, "o-2", "a"), (Commit, "o-1", "a"))),
]
"""A hold expires, somebody else takes the stock, and the order comes to commit all the same."""

RENEWED = [Decide(((Reserve, "o-1", "a", (Line("LAMP", 3),), seconds),)) for seconds in (10, 20, 0)]
"""A hold is renewed, and then a late retry comes."""


@settings(max_examples=MEMORY_EXAMPLES * settings.default.max_examples)  # type: ignore[union-attr] # there is a profile
@example(first=THREE_LAMPS, rest=RENEWED)
@example(first=THREE_LAMPS, rest=STOCK_GONE)
@given(first=first_steps, rest=many_steps)
async def test_memory_is_like_the_model(first: Sequence[Step], rest: Sequence[Step]) -> None:
    await Shop(MemoryStore()).run(first, rest)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(first=THREE_LAMPS, rest=RENEWED)
@example(first=THREE_LAMPS, rest=STOCK_GONE)
@given(first=first_steps, rest=many_steps)
async def test_mongodb_is_like_the_model(
    mongo_store: MongoStore, database: Database, first: Sequence[Step], rest: Sequence[Step]
) -> None:
    for collection in ("items", "reservations", "adjustments"):
        await database[collection].delete_many({})
    shop = Shop(mongo_store)

    await shop.run(first, rest)

    kept = {(row["_id"]["sku"], row["_id"]["request_id"]): row["delta"] async for row in database["adjustments"].find()}
    assert kept == shop.model.deltas

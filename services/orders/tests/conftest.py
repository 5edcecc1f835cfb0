"""What orders' tests share."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chassis.mongo import Database
from chassis.testing import ManualClock, TestIssuer, bearer, served
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceStub
from services.orders.app import build_orders
from services.orders.cache import MemoryCache
from services.orders.changes import MemoryChanges
from services.orders.memory_store import MemoryStore
from services.orders.mongo_store import MongoStore
from services.orders.relay import Relay
from services.orders.store import OrderStore, SweepTimes
from services.orders.sweep import Sweep
from services.orders.tests.fakes import FakeQueue, FakeStock
from services.orders.watchers import Watchers

if TYPE_CHECKING:
    from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceAsyncStub

SWEEP_AGE = timedelta(seconds=60)
RENEW = timedelta(seconds=225)
SWEEP = SweepTimes(SWEEP_AGE, RENEW)
LEASE = timedelta(seconds=10)
DEPTH_MAX = 1_000


@pytest.fixture
async def mongo_store(database: Database) -> MongoStore:
    """Orders in a real MongoDB."""
    store = MongoStore(database, SWEEP)
    await store.create_indexes()
    return store


@pytest.fixture(params=["memory", "mongo"])
def store(request: pytest.FixtureRequest) -> OrderStore:
    """Every store that there is: one suite holds them to the same behaviour."""
    if request.param == "memory":
        return MemoryStore(SWEEP)
    mongo_store: MongoStore = request.getfixturevalue("mongo_store")
    return mongo_store


@pytest.fixture
def clock() -> ManualClock:
    """A clock that a test moves."""
    return ManualClock()


@pytest.fixture
def stock() -> FakeStock:
    """An inventory of a hundred lamps."""
    return FakeStock()


@pytest.fixture
def queue() -> FakeQueue:
    """A queue."""
    return FakeQueue()


@pytest.fixture
def cache() -> MemoryCache:
    """A cache."""
    return MemoryCache()


@pytest.fixture
def relay(store: OrderStore, queue: FakeQueue, clock: ManualClock) -> Relay:
    """A relay that publishes when a test says so."""
    return Relay(store, queue, clock, LEASE, DEPTH_MAX)


@pytest.fixture
def sweep(store: OrderStore, stock: FakeStock, queue: FakeQueue, relay: Relay, clock: ManualClock) -> Sweep:
    """A sweep that makes a round when a test says so."""
    return Sweep(store, stock, queue, relay, clock, depth=DEPTH_MAX // 2)


@pytest.fixture(scope="session")
def issuer() -> TestIssuer:
    """Who signs the tests' tokens."""
    return TestIssuer()


@pytest.fixture
def watchers(store: OrderStore) -> Watchers:
    """Who waits for orders; it hears of other replicas when a test says so."""
    return Watchers(store, MemoryChanges())


@pytest.fixture
async def stub(
    store: OrderStore,
    stock: FakeStock,
    cache: MemoryCache,
    relay: Relay,
    watchers: Watchers,
    clock: ManualClock,
    issuer: TestIssuer,
) -> AsyncIterator["OrderServiceAsyncStub"]:
    """The service behind a real server."""
    async with served(build_orders(store, stock, cache, relay, watchers, clock), issuer=issuer) as channel:
        yield OrderServiceStub(channel)


@pytest.fixture
def ada(issuer: TestIssuer) -> Any:
    """The metadata of a customer's calls."""
    return bearer(issuer.user("ada"))


@pytest.fixture
def bob(issuer: TestIssuer) -> Any:
    """Those of another one."""
    return bearer(issuer.user("bob"))


@pytest.fixture
def admin(issuer: TestIssuer) -> Any:
    """Those of an admin."""
    return bearer(issuer.admin())


@pytest.fixture
def worker(issuer: TestIssuer) -> Any:
    """Those of the notifier."""
    return bearer(issuer.service("notifier"))

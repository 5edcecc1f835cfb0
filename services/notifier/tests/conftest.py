"""What the notifier's tests share."""

from collections.abc import AsyncIterator

import pytest

from chassis.aws import open_aws_client
from chassis.clock import SystemClock
from chassis.mongo import Database
from chassis.testing import ManualClock
from deploy.local.moto_server import LocalAws
from services.notifier.dead_letter_store import DeadLetterStore
from services.notifier.memory_dead_letters import MemoryDeadLetters
from services.notifier.memory_store import MemoryStore
from services.notifier.mongo_dead_letters import MongoDeadLetters
from services.notifier.mongo_delivery_failures import MongoDeliveryFailures
from services.notifier.mongo_store import MongoStore
from services.notifier.store import NotificationStore
from services.notifier.tests.scene import Aws, Scene


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def today() -> ManualClock:
    """A clock that begins now: MongoDB's own clock decides which rows have expired."""
    return ManualClock(SystemClock().now())


@pytest.fixture
async def mongo_failures(database: Database, today: ManualClock) -> MongoDeliveryFailures:
    """Delivery failures in a real MongoDB."""
    failures = MongoDeliveryFailures(database, today)
    await failures.create_indexes()
    return failures


@pytest.fixture
async def mongo_letters(database: Database) -> MongoDeadLetters:
    """Dead letters in a real MongoDB."""
    letters = MongoDeadLetters(database)
    await letters.create_indexes()
    return letters


@pytest.fixture(params=["memory", "mongo"])
def letters(request: pytest.FixtureRequest) -> DeadLetterStore:
    """Every store of dead letters that there is."""
    if request.param == "memory":
        return MemoryDeadLetters()
    mongo_letters: MongoDeadLetters = request.getfixturevalue("mongo_letters")
    return mongo_letters


@pytest.fixture
async def mongo_store(database: Database) -> MongoStore:
    """Notifications in a real MongoDB."""
    store = MongoStore(database)
    await store.create_indexes()
    return store


@pytest.fixture(params=["memory", "mongo"])
def store(request: pytest.FixtureRequest) -> NotificationStore:
    """Every store that there is: one suite holds them to the same behaviour."""
    if request.param == "memory":
        return MemoryStore()
    mongo_store: MongoStore = request.getfixturevalue("mongo_store")
    return mongo_store


@pytest.fixture
def scene(clock: ManualClock) -> Scene:
    """The worker between a queue, orders, a mailbox and a store in memory."""
    return Scene(clock)


@pytest.fixture
async def aws_clients(aws: LocalAws) -> AsyncIterator[Aws]:
    """Clients of a real moto server, and a queue of the test's own."""
    async with (
        open_aws_client(aws.config, "sqs", attempts_max=1, read_timeout_seconds=30) as sqs,
        open_aws_client(aws.config, "sesv2", attempts_max=1, read_timeout_seconds=5) as ses,
    ):
        clients = Aws(aws, sqs, ses)
        await clients.create_queue()
        yield clients
        await clients.delete_queue()

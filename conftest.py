"""Real components for tests: each is started when the first test asks for it, and stopped at the end.

The fixtures share the session's event loop. What they start writes its logs to pytest's temporary directory
(``components*/logs`` and ``stack*/logs``), and dies with the session, however that ends.
"""

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from hypothesis import settings

from chassis.mongo import Database, MongoConfig, open_database
from deploy.local.environments import reach_this_machine_directly
from deploy.local.mongod import mongo_uri as uri_of
from deploy.local.mongod import mongod_process
from deploy.local.moto_server import LocalAws, moto_process, moto_url
from deploy.local.ports import free_ports
from deploy.local.redis_server import redis_process
from deploy.local.redis_server import redis_url as url_of
from deploy.local.settings import Settings, isolated
from deploy.local.stack import Stack, start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from tests.tracing.collector import Collector, open_collector

reach_this_machine_directly()

# What tests of properties try: the same examples each time, or many new ones with --hypothesis-profile=long.
settings.register_profile("smoke", max_examples=40, deadline=None, derandomize=True, database=None)
settings.register_profile("long", max_examples=3_000, deadline=None, print_blob=True)
settings.load_profile("smoke")

QUICK = {
    "HOLD_SECONDS": "6",
    "SWEEP_AGE_SECONDS": "5",
    "RELAY_LEASE_SECONDS": "2",
    "VISIBILITY_SECONDS": "3",
    "HEARTBEAT_SECONDS": "1",
    "NOTIFICATION_LEASE_SECONDS": "4",
    "SES_TIMEOUT_SECONDS": "1",
}
"""What production waits for in minutes, tests wait for in seconds."""


@dataclass(frozen=True)
class Components:
    """Where servers started by this session keep their files, and who keeps them alive."""

    state: StateDirectory
    supervisor: Supervisor


@pytest.fixture(scope="session")
async def components(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Components]:
    """Starts real servers on free ports for the fixtures below."""
    state = StateDirectory(tmp_path_factory.mktemp("components"))
    async with Supervisor(state, print) as supervisor:
        yield Components(state, supervisor)
    shutil.rmtree(state.data("mongo"))


@pytest.fixture(scope="session")
async def mongo_uri(components: Components) -> str:
    """A real MongoDB, a replica set of one. Use a database of your own and drop it."""
    port = free_ports(["mongod"])["mongod"]
    await components.supervisor.start(mongod_process(os.environ, components.state, port))
    return uri_of(port)


@pytest.fixture(scope="session")
async def redis_url(components: Components) -> str:
    """A real Redis."""
    port = free_ports(["redis"])["redis"]
    await components.supervisor.start(redis_process(os.environ, components.state, port))
    return url_of(port)


@pytest.fixture(scope="session")
async def aws(components: Components) -> LocalAws:
    """SQS and SES by a moto server, with a queue, its dead-letter queue and a verified sender."""
    port = free_ports(["moto"])["moto"]
    local = LocalAws(moto_url(port))
    await components.supervisor.start(moto_process(os.environ, local, port))
    return local


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[Database]:
    """An empty database of the test's own, opened as the services open theirs."""
    async with open_database(MongoConfig(mongo_uri, f"test_{uuid4().hex}")) as database:
        yield database
        await database.client.drop_database(database.name)


@pytest.fixture(scope="session")
async def collector() -> AsyncIterator[Collector]:
    """Receives the spans of the stack."""
    async with open_collector() as collector:
        yield collector


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> AsyncIterator[Stack]:
    """The whole mesh on stores of its own, with demo users and stock; nothing of the environment enters it.

    A test may stop, start and kill its processes, and leaves everything running.
    """
    state = StateDirectory(tmp_path_factory.mktemp("stack"))
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    with state.locked():
        async with Supervisor(state, print) as supervisor:
            yield await start_stack(Settings.read(isolated(os.environ) | QUICK | traced), state, supervisor, print)
    shutil.rmtree(state.data("mongo"))

"""What must hold of a MongoDB before a service uses it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chassis.background import retry_until_done
from chassis.config import ConfigError
from chassis.mongo import MONGO_DOWN, Database, MongoConfig, open_database, require_replica_set
from deploy.local.binaries import find_mongod
from deploy.local.ports import HOST, free_ports
from deploy.local.process import Process
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

NOBODY = f"{HOST}:9"


@asynccontextmanager
async def bare_mongod(path: Path, *options: str) -> AsyncIterator[str]:
    """A mongod that nobody initiated; yields its ``host:port``."""
    state, port = StateDirectory(path), free_ports(["mongod"])["mongod"]
    binary = find_mongod({}, state.libraries)

    async def probe() -> None:
        async with opened(f"mongodb://{HOST}:{port}/?directConnection=true") as database:
            await database.client.admin.command("ping")

    command = (
        *(binary.path, "--bind_ip", HOST, "--port", str(port), "--dbpath", str(state.data("mongo"))),
        *("--nounixsocket", *options),
    )
    async with Supervisor(state, print) as supervisor:
        await supervisor.start(Process("mongod", command, binary.environment, probe))
        yield f"{HOST}:{port}"


def opened(uri: str) -> AbstractAsyncContextManager[Database]:
    return open_database(MongoConfig(uri, "orders"))


async def refusal(uri: str) -> Exception:
    """Why a service with this URI does not start now."""
    with pytest.raises((ConfigError, *MONGO_DOWN)) as caught:
        await require_replica_set(MongoConfig(uri, "orders"))
    return caught.value


async def test_a_replica_set_of_one_is_enough(mongo_uri: str) -> None:
    await require_replica_set(MongoConfig(mongo_uri, "orders"))


async def test_a_standalone_mongod_is_refused_by_name(tmp_path: Path) -> None:
    """It has no transactions, and killed it may lose what it acknowledged."""
    async with bare_mongod(tmp_path) as address:
        uris = [
            f"mongodb://{address}/?directConnection=true",
            f"mongodb://{address}/?replicaSet=rs0",
            f"mongodb://{address},{NOBODY}/?replicaSet=rs0",
        ]

        refusals = await asyncio.gather(*(refusal(uri) for uri in uris))

    assert {str(error) for error in refusals} == {
        "MONGO_URI names a standalone MongoDB; a replica set is needed, one node is enough"
    }
    assert {type(error) for error in refusals} == {ConfigError}


@pytest.mark.parametrize("options", ["", "&directConnection=true"])
async def test_another_replica_set_than_the_uri_says_is_refused_by_both_names(mongo_uri: str, options: str) -> None:
    address = urlsplit(mongo_uri).netloc

    error = await refusal(f"mongodb://{address}/?replicaSet=elsewhere{options}")

    assert isinstance(error, ConfigError)
    assert str(error) == "MONGO_URI names the replica set elsewhere, and the server's is ordermesh"


async def test_a_replica_set_that_is_not_initiated_yet_is_waited_for(tmp_path: Path) -> None:
    async with bare_mongod(tmp_path, "--replSet", "rs0") as address:
        uris = [f"mongodb://{address}/?replicaSet=rs0", f"mongodb://{address}/?directConnection=true"]

        refusals = await asyncio.gather(*(refusal(uri) for uri in uris))

    assert [isinstance(error, MONGO_DOWN) for error in refusals] == [True, True]


async def test_a_service_that_waited_for_a_replica_set_can_use_sessions_then(tmp_path: Path) -> None:
    """A connection that was opened before the set was there never learns that there are sessions."""
    async with bare_mongod(tmp_path, "--replSet", "rs0") as address:
        config = MongoConfig(f"mongodb://{address}/?directConnection=true", "orders")
        async with open_database(config) as database:
            too_early = await refusal(config.uri)
            async with opened(config.uri) as other:
                await other.client.admin.command("replSetInitiate")
            await retry_until_done("the set", partial(require_replica_set, config), MONGO_DOWN)

            async with database.client.start_session() as session:
                await database["orders"].find_one({}, session=session)

    assert isinstance(too_early, MONGO_DOWN)


async def test_a_server_that_is_away_is_waited_for() -> None:
    assert isinstance(await refusal(f"mongodb://{NOBODY}/?replicaSet=rs0"), MONGO_DOWN)

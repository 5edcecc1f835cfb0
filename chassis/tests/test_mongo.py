"""What must hold of a MongoDB before a service uses it."""

from pathlib import Path

import pytest

from chassis.config import ConfigError
from chassis.mongo import Database, MongoConfig, open_database, require_replica_set
from deploy.local.binaries import find_mongod
from deploy.local.ports import HOST, free_ports
from deploy.local.process import Process
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor


async def test_a_replica_set_of_one_is_enough(database: Database) -> None:
    await require_replica_set(database)


async def test_a_standalone_mongod_is_refused_by_name(tmp_path: Path) -> None:
    """It has no transactions, and killed it may lose what it acknowledged."""
    state, port = StateDirectory(tmp_path), free_ports(["mongod"])["mongod"]
    binary = find_mongod({}, state.libraries)
    config = MongoConfig(f"mongodb://{HOST}:{port}/?directConnection=true", "orders")

    async def probe() -> None:
        async with open_database(config) as database:
            await database.client.admin.command("ping")

    command = (
        binary.path,
        "--bind_ip",
        HOST,
        "--port",
        str(port),
        "--dbpath",
        str(state.data("mongo")),
        "--nounixsocket",
    )
    mongod = Process("mongod", command, binary.environment, probe)
    async with Supervisor(state, print) as supervisor, open_database(config) as database:
        await supervisor.start(mongod)

        with pytest.raises(ConfigError, match="MONGO_URI"):
            await require_replica_set(database)

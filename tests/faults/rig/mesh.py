"""The whole mesh with faults between its parts: real services, a real mongod and Redis behind proxies, own SQS and SES.

The rig's own reads of MongoDB go around the proxy: the audit sees what is there, not what a fault lets through.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from deploy.local.credentials import kept_secrets
from deploy.local.mongod import mongo_uri, mongod_process
from deploy.local.ports import HOST, PORT_VARIABLES, free_ports, variables_of
from deploy.local.process import KeptAlive, Process
from deploy.local.redis_server import redis_process
from deploy.local.seed import seed
from deploy.local.services import mesh_processes
from deploy.local.settings import MESH, REPLICA_PORT_STEP, Settings, isolated
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from tests.faults.rig.emulator import AwsEmulator, open_emulator
from tests.faults.rig.proxy import TcpProxy, open_proxy

RIG_TIMES = {
    "HOLD_SECONDS": "10",
    "SWEEP_AGE_SECONDS": "5",
    "RELAY_LEASE_SECONDS": "2",
    "VISIBILITY_SECONDS": "3",
    "HEARTBEAT_SECONDS": "1",
    "NOTIFICATION_LEASE_SECONDS": "4",
    "SES_TIMEOUT_SECONDS": "1",
    "QUEUE_DEPTH_MAX": "400",
}
"""What production waits for in minutes, the rig waits for in seconds.

The depth is about what the workers of one small machine process within the sweep's age: with more in the queue an
order is late, and publishing it again would only make it later.
"""

CREDENTIALS = {
    "ADMIN_EMAIL": "admin@example.com",
    "ADMIN_PASSWORD": "the admin of one run",
    "DEMO_EMAIL": "demo@example.com",
    "DEMO_PASSWORD": "a customer of one run",
}


@dataclass(frozen=True)
class Mesh:
    """A mesh that runs; ``metrics_ports`` are by process. ``mongo_uri`` leads around the proxy."""

    state: StateDirectory
    stores: Supervisor
    services: Supervisor
    settings: Settings
    aws: AwsEmulator
    mongo: TcpProxy
    redis: TcpProxy
    mongo_uri: str
    metrics_ports: Mapping[str, int]

    @property
    def gateway_urls(self) -> Sequence[str]:
        """Where REST is, by replica."""
        return self.settings.gateway_urls

    def process(self, name: str) -> KeptAlive:
        """A process by its name, a store's too."""
        return (self.stores if name in self.stores.names else self.services)[name]

    def crash_file(self, name: str) -> Path:
        """The list of crash points that a process arms, one at each start."""
        return _crash_directory(self.state) / name

    async def restart(self, name: str) -> None:
        """Stop a process gracefully, start it again and wait until it is ready."""
        await self.process(name).stop()
        self.process(name).start()
        await self.process(name).wait_ready()

    async def wait_ready(self) -> None:
        """Wait until every process answers."""
        await self.stores.wait_ready()
        await self.services.wait_ready()


@asynccontextmanager
async def open_mesh(
    directory: Path, chance: str, *, replicas: int = 1, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Mesh]:
    """Start a mesh in ``directory``, with ``replicas`` of each service and of the gateway.

    The chance of its faults follows from ``chance``. ``settings`` are environment keys beside :data:`RIG_TIMES`.
    """
    state = StateDirectory(directory)
    names = [f"{name}-{replica + 1}" if replica else name for name in MESH for replica in range(replicas)]
    numbers = free_ports(
        [*PORT_VARIABLES, *map(_metrics_of, names)], range(0, REPLICA_PORT_STEP * replicas, REPLICA_PORT_STEP)
    )
    metrics_ports = {name: numbers[_metrics_of(name)] for name in names if not name.startswith("gateway")}
    async with AsyncExitStack() as stack:
        stack.enter_context(state.locked())
        state.begin()
        aws = await stack.enter_async_context(open_emulator(Random(f"{chance} aws")))
        stores = await stack.enter_async_context(Supervisor(state, _say_nothing))
        await stores.start(
            mongod_process(os.environ, state, numbers["mongod"]), redis_process(os.environ, state, numbers["redis"])
        )
        mongo = await stack.enter_async_context(open_proxy(HOST, numbers["mongod"], Random(f"{chance} mongod")))
        redis = await stack.enter_async_context(open_proxy(HOST, numbers["redis"], Random(f"{chance} redis")))
        read = Settings.read(
            {
                **isolated(os.environ),
                **variables_of({name: numbers[name] for name in PORT_VARIABLES}),
                **RIG_TIMES,
                **{f"{name.upper()}_REPLICAS": str(replicas) for name in MESH},
                **(settings or {}),
                **aws.environment,
                # A direct connection: the driver would follow the replica set's own address around the proxy.
                "MONGO_URI": f"mongodb://{HOST}:{mongo.port}/?directConnection=true",
                "REDIS_URL": f"redis://{HOST}:{redis.port}/0",
            }
        )
        services = await stack.enter_async_context(Supervisor(state, _say_nothing))
        uri = mongo_uri(numbers["mongod"])
        mesh = Mesh(state, stores, services, read, aws, mongo, redis, uri, metrics_ports)
        _crash_directory(state).mkdir(exist_ok=True)
        await services.start(*(_observed(process, mesh) for process in mesh_processes(read, kept_secrets(state))))
        await seed(read, CREDENTIALS)
        yield mesh


def _observed(process: Process, mesh: Mesh) -> Process:
    """The process with a port for its metrics, if it has any, and a list of crash points of its own."""
    environment = {**process.environment, "CRASH_POINTS_FILE": str(mesh.crash_file(process.name))}
    if process.name in mesh.metrics_ports:
        environment["METRICS_PORT"] = str(mesh.metrics_ports[process.name])
    return replace(process, environment=environment, niceness=0)


def _crash_directory(state: StateDirectory) -> Path:
    return state.path / "crash-points"


def _metrics_of(name: str) -> str:
    return f"metrics of {name}"


def _say_nothing(_line: str) -> None:
    """The supervisor's reports are in the processes' logs and in the journal."""

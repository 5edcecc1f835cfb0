"""What the environment says about a stack: which stores are its own, where everything is."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from chassis.config import Environment
from deploy.local.aws_settings import read_aws
from deploy.local.environments import bare_environment, passed_on
from deploy.local.mongod import mongo_uri
from deploy.local.moto_server import LocalAws, moto_url
from deploy.local.ports import (
    HOST,
    PORT_VARIABLES,
    Port,
    free_ports,
    metrics_variable,
    read_metrics_ports,
    read_ports,
)
from deploy.local.redis_server import redis_url
from deploy.local.tls import LocalTls

SERVICES = ("auth", "inventory", "orders", "notifier")
"""In the order in which they start."""

MESH = (*SERVICES, "gateway")
"""What may have replicas."""

KEPT_IN_ISOLATION = ("MONGOD_BIN", "REDIS_SERVER_BIN", "MESH_PYTHON", "LOG_LEVEL")

REPLICA_PORT_STEP = 10
REPLICAS_MAX = 4


@dataclass(frozen=True)
class Settings:
    """What a stack runs and where.

    ``metrics`` are the ports of the processes that show theirs. ``own`` names the stores that the stack starts
    itself; the others are somebody else's. ``python`` runs the processes of the mesh. ``values`` is the environment
    that all of this was read from.
    """

    values: Mapping[str, str] = field(repr=False)
    ports: Mapping[str, Port]
    metrics: Mapping[str, Port]
    replicas: Mapping[str, int]
    own: frozenset[str]
    mongo_uri: str
    redis_url: str
    aws: Mapping[str, str]
    admin_email: str
    demo_email: str
    tls: LocalTls | None
    python: tuple[str, ...]

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Self:
        """Read the settings.

        :raises ConfigError: naming every key that is wrong.
        """
        env = Environment(values)
        ports = read_ports(env)
        replicas = {name: env.integer(f"{name.upper()}_REPLICAS", 1, least=1, most=REPLICAS_MAX) for name in MESH}
        foreign_mongo, foreign_redis = env.optional("MONGO_URI"), _foreign_redis(env)
        aws, moto_is_needed = read_aws(env, moto_url(ports["moto"].number))
        is_own = {"mongod": not foreign_mongo, "redis": not foreign_redis, "moto": moto_is_needed}
        settings = cls(
            values=values,
            ports=ports,
            metrics=read_metrics_ports(env, MESH),
            replicas=replicas,
            own=frozenset(name for name in is_own if is_own[name]),
            mongo_uri=foreign_mongo or mongo_uri(ports["mongod"].number),
            redis_url=foreign_redis or redis_url(ports["redis"].number),
            aws=aws,
            admin_email=env.text("ADMIN_EMAIL", "admin@example.com"),
            demo_email=env.text("DEMO_EMAIL", "demo@example.com"),
            tls=LocalTls.read(env),
            python=tuple(shlex.split(env.optional("MESH_PYTHON") or "")) or (sys.executable,),
        )
        env.check()
        return settings

    @property
    def is_seeded(self) -> bool:
        """Whether users and stock are made: only in a MongoDB that the stack started."""
        return "mongod" in self.own

    @property
    def local_aws(self) -> LocalAws:
        """The moto server, should there be one."""
        return LocalAws(
            endpoint_url=moto_url(self.ports["moto"].number),
            region=self.aws["AWS_REGION"],
            sender_email=self.aws["AWS_SES_SENDER_EMAIL"],
        )

    def listening(self) -> list[Port]:
        """Every port that the stack will listen on."""
        stores = [self.ports[name] for name in self.own]
        replicas = [Port(self.ports[name].variable, port) for name in MESH for port in self.replica_ports(name)]
        metrics = [Port(self.metrics[name].variable, port) for name in MESH for port in self.metrics_ports(name)]
        return [*stores, *replicas, *metrics]

    def replica_ports(self, name: str) -> list[int]:
        """The ports of the replicas of a service or of the gateway."""
        return self._of_each_replica(name, self.ports[name].number)

    def metrics_ports(self, name: str) -> list[int]:
        """Where the replicas of a service, or of the gateway, show their metrics; none when it shows none."""
        return self._of_each_replica(name, self.metrics[name].number) if name in self.metrics else []

    def _of_each_replica(self, name: str, first: int) -> list[int]:
        return [first + REPLICA_PORT_STEP * replica for replica in range(self.replicas[name])]

    def address(self, service: str) -> str:
        """Where people find a service: its first replica."""
        return f"{HOST}:{self.ports[service].number}"

    def target(self, service: str) -> str:
        """Where other processes find a service: all its replicas, as a gRPC target."""
        addresses = [f"{HOST}:{port}" for port in self.replica_ports(service)]
        return f"ipv4:{','.join(addresses)}" if len(addresses) > 1 or self.tls else f"dns:///{addresses[0]}"

    @property
    def gateway_url(self) -> str:
        """Where people find REST: at the first gateway."""
        return self.gateway_urls[0]

    @property
    def gateway_urls(self) -> list[str]:
        """Every gateway. Whoever uses more than one spreads requests over those whose ``/readyz`` says 200."""
        return [f"http://{HOST}:{port}" for port in self.replica_ports("gateway")]


def _foreign_redis(env: Environment) -> str | None:
    """Somebody else's Redis. ``REDIS_PORT`` alone does not name one: it moves the stack's own."""
    host = env.optional("REDIS_HOST")
    return env.optional("REDIS_URL") or (f"redis://{host}:{env.port('REDIS_PORT', 6379)}/0" if host else None)


def isolated(values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a stack on free ports that touches nothing of anybody else's. Its metrics can be read."""
    replicas = range(0, REPLICAS_MAX * REPLICA_PORT_STEP, REPLICA_PORT_STEP)
    variables = [*(variable for variable, _ in PORT_VARIABLES.values()), *map(metrics_variable, MESH)]
    numbers = {variable: str(number) for variable, number in free_ports(variables, replicas).items()}
    return {**passed_on(values, KEPT_IN_ISOLATION), **bare_environment(values), **numbers}

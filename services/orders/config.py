"""What orders reads from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from chassis.aws import AwsConfig
from chassis.config import Environment
from chassis.mesh import MeshConfig
from chassis.mongo import MongoConfig
from chassis.redis import RedisConfig
from chassis.server import ServerConfig
from chassis.tracing import TracingConfig
from services.orders.store import SweepTimes

GRPC_PORT_DEFAULT = 50052

HOLD_SHARE = 1 / 4
"""A hold is renewed when a quarter of its time is over: it outlives two looks that fail, though each is a bit late."""


@dataclass(frozen=True)
class OrdersConfig:
    """Orders' configuration.

    ``relay_lease`` is how long a relay has to publish what it claimed. ``queue_depth_max`` is about how
    many messages may wait in the queue; further events wait in the outbox. ``sweep`` says when an order
    that is not settled is looked at again.
    """

    server: ServerConfig
    tracing: TracingConfig
    mongo: MongoConfig
    mesh: MeshConfig
    aws: AwsConfig
    redis: RedisConfig
    inventory_address: str
    queue_url: str
    relay_lease: timedelta
    queue_depth_max: int
    sweep: SweepTimes

    @classmethod
    def from_environment(cls, values: Mapping[str, str]) -> Self:
        """Read it.

        :raises ConfigError: naming every key that is missing or wrong.
        """
        env = Environment(values)
        config = cls(
            server=ServerConfig.read(env, GRPC_PORT_DEFAULT),
            tracing=TracingConfig.read(env, "orders"),
            mongo=MongoConfig.read(env, "orders"),
            mesh=MeshConfig.read(env, identity=True),
            aws=AwsConfig.read(env),
            redis=RedisConfig.read(env),
            inventory_address=env.address("INVENTORY_ADDR", "dns:///localhost:50053"),
            queue_url=env.text("AWS_SQS_QUEUE_URL"),
            relay_lease=timedelta(seconds=env.seconds("RELAY_LEASE_SECONDS", 10.0)),
            queue_depth_max=env.integer("QUEUE_DEPTH_MAX", 10_000, least=1),
            sweep=SweepTimes(
                age=timedelta(seconds=env.seconds("SWEEP_AGE_SECONDS", 60.0)),
                renew=HOLD_SHARE * timedelta(seconds=env.seconds("HOLD_SECONDS", 900.0)),
            ),
        )
        env.check()
        return config

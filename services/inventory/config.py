"""What inventory reads from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from chassis.config import Environment
from chassis.mesh import MeshConfig
from chassis.mongo import MongoConfig
from chassis.redis import RedisConfig
from chassis.server import ServerConfig
from chassis.tracing import TracingConfig

GRPC_PORT_DEFAULT = 50053
HOLD_SECONDS_DEFAULT = 900.0


@dataclass(frozen=True)
class InventoryConfig:
    """Inventory's configuration. ``hold_seconds`` is how long stock is held for an order."""

    server: ServerConfig
    tracing: TracingConfig
    mongo: MongoConfig
    mesh: MeshConfig
    redis: RedisConfig
    hold_seconds: float

    @classmethod
    def from_environment(cls, values: Mapping[str, str]) -> Self:
        """Read it.

        :raises ConfigError: naming every key that is missing or wrong.
        """
        env = Environment(values)
        config = cls(
            server=ServerConfig.read(env, GRPC_PORT_DEFAULT),
            tracing=TracingConfig.read(env, "inventory"),
            mongo=MongoConfig.read(env, "inventory"),
            mesh=MeshConfig.read(env, identity=False),
            redis=RedisConfig.read(env),
            hold_seconds=env.seconds("HOLD_SECONDS", HOLD_SECONDS_DEFAULT),
        )
        env.check()
        return config

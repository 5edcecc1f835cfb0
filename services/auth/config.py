"""What auth is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from chassis.config import Environment, Secret
from chassis.mongo import MongoConfig
from chassis.redis import RedisConfig
from chassis.server import ServerConfig
from chassis.tracing import TracingConfig
from services.auth.hash_parameters import HashParameters
from services.auth.limits import LimitsConfig
from services.auth.service_clients import ServiceClients

GRPC_PORT_DEFAULT = 50051


@dataclass(frozen=True)
class AuthConfig:
    """The configuration of auth.

    A secret is rotated in three steps: publish the new one as ``jwt_secret_next`` until every verifier
    has fetched it, promote it, and keep the old one as ``jwt_secret_previous`` until its tokens are over.
    For the refresh secret ``jwt_refresh_secret_previous`` is both: first the new one, then the old one.
    """

    server: ServerConfig
    tracing: TracingConfig
    mongo: MongoConfig
    redis: RedisConfig
    jwt_secret: Secret
    jwt_secret_next: Secret | None
    jwt_secret_previous: Secret | None
    jwt_refresh_secret: Secret
    jwt_refresh_secret_previous: Secret | None
    service_clients: ServiceClients
    hash_parameters: HashParameters
    limits: LimitsConfig

    @classmethod
    def from_environment(cls, values: Mapping[str, str]) -> Self:
        """Read the configuration.

        :raises ConfigError: naming every key that is missing or wrong.
        """
        env = Environment(values)
        config = cls(
            server=ServerConfig.read(env, GRPC_PORT_DEFAULT),
            tracing=TracingConfig.read(env, "auth"),
            mongo=MongoConfig.read(env, "auth"),
            redis=RedisConfig.read(env),
            jwt_secret=env.required_secret("JWT_SECRET"),
            jwt_secret_next=env.secret("JWT_SECRET_NEXT", required=False),
            jwt_secret_previous=env.secret("JWT_SECRET_PREVIOUS", required=False),
            jwt_refresh_secret=env.required_secret("JWT_REFRESH_SECRET"),
            jwt_refresh_secret_previous=env.secret("JWT_REFRESH_SECRET_PREVIOUS", required=False),
            service_clients=ServiceClients.read(env),
            hash_parameters=HashParameters.read(env),
            limits=LimitsConfig.read(env),
        )
        env.check()
        return config

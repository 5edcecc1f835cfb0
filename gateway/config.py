"""What the gateway is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from chassis.client_address import GATEWAY
from chassis.config import Environment
from chassis.mesh import MeshConfig
from chassis.rate_limits import OFF, Limit
from chassis.redis import RedisConfig
from chassis.tls import Tls
from chassis.tracing import TracingConfig
from gateway.client_address import TrustedProxies
from gateway.client_limits import LIMIT_NAME
from gateway.connections import CONNECTIONS_MAX_DEFAULT
from gateway.cors import Origins

PORT_DEFAULT = 5000

LAME_DUCK_SECONDS_DEFAULT = 1.0
"""More than a service has: its callers hear at once that it goes, but ``/readyz`` is asked only now and then."""

CONNECTIONS_MAX_MOST = 1_000_000


@dataclass(frozen=True)
class GatewayConfig:
    """Where to listen, where the services are, who the gateway is to them, and how the process ends.

    ``lame_duck_seconds`` lie between "not ready" and the end of listening: whoever spreads requests over
    gateways sends them elsewhere meanwhile, and a restart loses none. ``drain_seconds`` is how long
    requests in flight may take then. ``request_limit`` is for each client, and counted together with the other
    gateways in ``redis``. ``tls`` is for the calls to the services; HTTP is not encrypted here.
    """

    listen_host: str
    port: int
    metrics_port: int | None
    mesh: MeshConfig
    trusted_proxies: TrustedProxies
    cors_origins: Origins
    request_limit: Limit
    redis: RedisConfig
    connections_max: int
    orders_address: str
    inventory_address: str
    notifier_address: str
    tls: Tls | None
    tracing: TracingConfig
    log_level: str
    log_format: str
    lame_duck_seconds: float
    drain_seconds: float

    @classmethod
    def from_environment(cls, values: Mapping[str, str]) -> Self:
        """Read the keys.

        :raises ConfigError: naming every key that is wrong.
        """
        env = Environment(values)
        config = cls(
            listen_host=env.text("LISTEN_HOST", "0.0.0.0"),  # noqa: S104 - a container serves its pod's address
            port=env.port("PORT", PORT_DEFAULT),
            metrics_port=env.port("METRICS_PORT", 9090) if env.optional("METRICS_PORT") else None,
            mesh=MeshConfig.read(env, identity=True),
            trusted_proxies=TrustedProxies.read(env),
            cors_origins=Origins.read(env),
            request_limit=Limit.read(env, "REQUEST_LIMIT_ADDRESS", LIMIT_NAME, OFF),
            redis=RedisConfig.read(env),
            connections_max=env.integer("CONNECTIONS_MAX", CONNECTIONS_MAX_DEFAULT, least=1, most=CONNECTIONS_MAX_MOST),
            orders_address=env.address("ORDERS_ADDR", "dns:///localhost:50052"),
            inventory_address=env.address("INVENTORY_ADDR", "dns:///localhost:50053"),
            notifier_address=env.address("NOTIFIER_ADDR", "dns:///localhost:50054"),
            tls=Tls.read(env),
            tracing=TracingConfig.read(env, GATEWAY),
            log_level=env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            log_format=env.choice("LOG_FORMAT", "json", ("json", "text")),
            lame_duck_seconds=env.seconds("LAME_DUCK_SECONDS", LAME_DUCK_SECONDS_DEFAULT),
            drain_seconds=env.seconds("DRAIN_SECONDS", 8.0),
        )
        if config.mesh.client_id not in ("", GATEWAY):
            env.problem("SERVICE_CLIENT_ID", f"must be {GATEWAY}: services know the gateway by it")
        env.check()
        return config

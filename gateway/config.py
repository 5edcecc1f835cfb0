"""What the gateway is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from chassis.config import Environment

PORT_DEFAULT = 5000


@dataclass(frozen=True)
class GatewayConfig:
    """Where to listen, where the services are, and how long requests may take to finish at the end."""

    listen_host: str
    port: int
    auth_address: str
    orders_address: str
    inventory_address: str
    notifier_address: str
    log_level: str
    log_format: str
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
            auth_address=env.address("AUTH_ADDR", "dns:///localhost:50051"),
            orders_address=env.address("ORDERS_ADDR", "dns:///localhost:50052"),
            inventory_address=env.address("INVENTORY_ADDR", "dns:///localhost:50053"),
            notifier_address=env.address("NOTIFIER_ADDR", "dns:///localhost:50054"),
            log_level=env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            log_format=env.choice("LOG_FORMAT", "json", ("json", "text")),
            drain_seconds=env.seconds("DRAIN_SECONDS", 8.0),
        )
        env.check()
        return config

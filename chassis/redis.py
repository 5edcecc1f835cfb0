"""The Redis client of a process. Redis may be away or forget everything: whoever uses it goes on without it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis

from chassis.config import Environment
from chassis.redis_tls import check_redis_url, share_tls

REDIS_SECONDS_MAX = 1.0
"""Redis answers in less than a thousandth of this: what takes longer will not come."""

REDIS_CONNECTIONS_MAX = 4


@dataclass(frozen=True)
class RedisConfig:
    """Where Redis is. ``url`` may hold a password, so it does not show itself."""

    url: str

    @classmethod
    def read(cls, env: Environment) -> Self:
        """Read ``REDIS_URL``, else ``REDIS_HOST`` and ``REDIS_PORT``."""
        host, port = env.text("REDIS_HOST", "localhost"), env.port("REDIS_PORT", 6379)
        url = env.text("REDIS_URL", f"redis://{host}:{port}/0")
        check_redis_url(env, "REDIS_URL", url)
        return cls(url)

    def __repr__(self) -> str:
        return "RedisConfig(***)"


@asynccontextmanager
async def open_redis(
    config: RedisConfig,
    *,
    timeout_seconds: float = REDIS_SECONDS_MAX,
    connections_max: int = REDIS_CONNECTIONS_MAX,
) -> AsyncIterator[Redis]:
    """A client that connects when it is first used, and tries nothing twice: what fails is told at once."""
    redis = Redis.from_url(
        config.url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        max_connections=connections_max,
        retry=None,
    )
    share_tls(redis)
    try:
        yield redis
    finally:
        await redis.aclose()

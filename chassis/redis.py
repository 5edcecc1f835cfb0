"""The Redis client of a process. Redis may be away or forget everything: whoever uses it goes on without it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from chassis.config import Environment
from chassis.redis_tls import check_redis_url, share_tls

REDIS_DOWN_SECONDS = 1.0
"""Redis answers in less than a thousandth of this: what takes longer will not come."""


def read_redis_url(env: Environment) -> str:
    """``REDIS_URL``, or what ``REDIS_HOST`` and ``REDIS_PORT`` say."""
    host, port = env.text("REDIS_HOST", "localhost"), env.port("REDIS_PORT", 6379)
    url = env.text("REDIS_URL", f"redis://{host}:{port}/0")
    check_redis_url(env, "REDIS_URL", url)
    return url


@asynccontextmanager
async def open_redis(
    url: str, *, timeout_seconds: float = REDIS_DOWN_SECONDS, connections_max: int = 4
) -> AsyncIterator[Redis]:
    """A client that connects when it is first used, and tries nothing twice: what fails is told at once."""
    redis = Redis.from_url(
        url,
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

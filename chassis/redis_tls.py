"""Redis over TLS: ``rediss://host:port/0?ssl_ca_certs=...`` and whatever else redis-py takes in a URL."""

from typing import Any

from redis.asyncio import ConnectionPool, Redis, SSLConnection
from redis.exceptions import RedisError

from chassis.config import Environment


def check_redis_url(env: Environment, key: str, url: str) -> None:
    """Note what is wrong with the URL of ``key``: redis-py would say it at the first command, again and again."""
    try:
        pool = ConnectionPool.from_url(url)
        connection = pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, RedisError):  # their texts may hold a part of the password
        env.problem(key, "is no Redis URL, or has an option in it that redis-py does not know")
        return
    if isinstance(connection, SSLConnection):
        try:
            connection.ssl_context.get()
        except OSError as error:  # ssl's own errors are such
            env.problem(key, f"names files for TLS that cannot be used: {error.strerror}")


def share_tls(redis: Redis) -> None:
    """Let all connections of a client use one TLS context.

    redis-py makes one for each connection, and reads all the CAs of the system for it. That takes 30 ms and more,
    in which the event loop stands still, and is longer than a connection to a cache may take.
    """
    pool = redis.connection_pool
    if not issubclass(pool.connection_class, SSLConnection):
        return
    context = pool.connection_class(**pool.connection_kwargs).ssl_context
    context.get()

    class Sharing(SSLConnection):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.ssl_context = context

    pool.connection_class = Sharing

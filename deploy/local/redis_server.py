"""A real Redis or Valkey server. It keeps nothing: what is in Redis can be lost."""

from collections.abc import Mapping

from redis.asyncio import Redis

from deploy.local.binaries import find_redis
from deploy.local.environments import bare_environment
from deploy.local.ports import HOST
from deploy.local.process import Process
from deploy.local.state import StateDirectory

MEMORY_MAX = "128mb"
ANSWER_SECONDS = 1.0


def redis_url(port: int) -> str:
    """Where the stack's own Redis is."""
    return f"redis://{HOST}:{port}/0"


def redis_process(values: Mapping[str, str], state: StateDirectory, port: int) -> Process:
    """A Redis server at ``port``.

    :raises StackError: when there is none.
    """
    binary = find_redis(values)

    async def probe() -> None:
        async with Redis.from_url(redis_url(port), socket_timeout=ANSWER_SECONDS) as client:
            await client.ping()

    return Process(
        name="redis",
        command=(
            *(binary.path, "--bind", HOST, "--port", str(port), "--dir", str(state.data("redis"))),
            *("--save", "", "--appendonly", "no"),
            *("--maxmemory", MEMORY_MAX, "--maxmemory-policy", "allkeys-lru"),
        ),
        environment=bare_environment(values),
        probe=probe,
    )

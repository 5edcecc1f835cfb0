"""Counts that processes share in Redis: a hash for each key and window, with a field for each teller.

Each writes its own field only, and always the whole count. So telling twice does no harm, whether an
answer was lost or not, and a Redis that lost everything is told again what is still being asked about.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.redis import RedisConfig, open_redis
from chassis.shared_counts import CountsUnavailable, Share

EXCHANGE_SECONDS_MAX = 1.0
"""How long Redis may take for an exchange, in seconds. No call waits for it, so it is more than a cache has."""

CONNECTIONS_MAX = 2

KEPT_WINDOWS = 2
"""A window is looked at while it lasts and while the next one does."""

NOTHING_TO_TELL = -1

_EXCHANGE = """
local sums = {}
for i, name in ipairs(KEYS) do
  local teller, count, kept_ms = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  if tonumber(count) >= 0 then
    redis.call('HSET', name, teller, count)
    redis.call('PEXPIRE', name, kept_ms)
  end
  local counts, sum = redis.call('HGETALL', name), 0
  for field = 1, #counts, 2 do
    if counts[field] ~= teller then sum = sum + tonumber(counts[field + 1]) end
  end
  sums[i] = sum
end
return sums
"""
"""Writes the teller's field and sums the others', for all keys at once: a key without an end would stay for ever,
and a command for each would take the client ten times as long."""


class RedisCounts:
    """See :class:`chassis.shared_counts.SharedCounts`. All shares of an exchange are one command."""

    def __init__(self, redis: Redis) -> None:
        self._exchange = redis.register_script(_EXCHANGE)

    async def exchange(self, shares: Sequence[Share]) -> list[tuple[int, int]]:
        """See the port."""
        names: list[str] = []
        arguments: list[str | int] = []
        for share in shares:
            for number, count in ((share.number, share.current), (share.number - 1, share.before)):
                names.append(f"limit:{share.key}:{number}")
                told = NOTHING_TO_TELL if count is None else count
                arguments += (share.teller, told, KEPT_WINDOWS * share.window_ms)
        try:
            sums = await self._exchange(keys=names, args=arguments)
        except (RedisError, OSError) as error:
            raise CountsUnavailable(f"redis: {type(error).__name__}") from error
        return list(zip(sums[::2], sums[1::2], strict=True))


@asynccontextmanager
async def open_redis_counts(config: RedisConfig) -> AsyncIterator[RedisCounts]:
    """Counts that are shared in Redis, over a client of their own; it connects when it is first used."""
    async with open_redis(config, timeout_seconds=EXCHANGE_SECONDS_MAX, connections_max=CONNECTIONS_MAX) as redis:
        yield RedisCounts(redis)

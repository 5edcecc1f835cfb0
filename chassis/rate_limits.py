"""How often something may be done in a while, counted here and settled with the other replicas beside the calls.

Asking costs no I/O: it looks at this process's own counts and at what the others had when they were heard last. A
loop tells and hears every ``SETTLE_SECONDS``, only about keys that were asked for meanwhile. Without the others
each process limits by its own counts alone.

So N processes may together exceed a limit by what reaches them between two settlements, at worst by N - 1 times the
limit, when a whole limit's worth arrives at each of them within one; the excess counts like everything else, and
the wait after it is longer. How a window is counted is in :mod:`chassis.sliding_window`.
"""

import asyncio
import hmac
import logging
import re
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import NamedTuple, Self
from uuid import uuid4

from prometheus_client import Counter, Gauge

from chassis.background import Backoff
from chassis.call import current_call
from chassis.client_address import network_of
from chassis.clock import Clock
from chassis.config import Environment, Secret
from chassis.errors import ResourceExhausted
from chassis.shared_counts import CountsUnavailable, Share, SharedCounts
from chassis.window_table import WindowTable

SETTLE_SECONDS = 0.25
"""How often replicas tell each other what they counted, in seconds."""

SETTLE_KEYS_MAX = 200
"""Keys in one exchange; what is more goes in further ones, so that no call waits for all of it to be written down."""

KEYS_MAX = 30_000
"""Keys that one process remembers of one limit, about 13 MB; those that were not asked for longest are forgotten."""

COUNT_MAX = 1_000_000_000
WINDOW_SECONDS_MAX = 86_400

HIDDEN_CLIENTS = 10
"""All clients whose address is not known together may do as much as so many whose address is."""

OFF = "off"

_LIMIT = re.compile(r"([1-9][0-9]{0,9})/([1-9][0-9]{0,4})", re.ASCII)
_NAME_BYTES = 16
_PURPOSE = b"ordermesh rate limits"

_REFUSED = Counter("ordermesh_rate_limited_total", "What a limit refused.", ("limit",))
_ALONE = Gauge("ordermesh_rate_limits_alone", "1 while Redis is away and this process limits by its own counts alone.")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` in ``window_seconds``; None: as many as there are. The name is for people and metrics."""

    name: str
    count: int | None
    window_seconds: int = 1

    @classmethod
    def read(cls, env: Environment, key: str, name: str, default: str) -> Self:
        """Read a limit: ``10/60`` is 10 in 60 seconds, ``off`` none."""
        text = env.text(key, default)
        match = _LIMIT.fullmatch(text)
        if text == OFF:
            return cls(name, None)
        if match is None or int(match[1]) > COUNT_MAX or int(match[2]) > WINDOW_SECONDS_MAX:
            env.problem(
                key,
                f"must look like 10/60, 10 in 60 seconds, or be {OFF}; "
                f"at most {COUNT_MAX} and {WINDOW_SECONDS_MAX} seconds",
            )
            return cls(name, None)
        return cls(name, int(match[1]), int(match[2]))


class Charge(NamedTuple):
    """What is counted: under a limit, for whom."""

    limit: Limit
    key: str


class Standing(NamedTuple):
    """How many more are allowed now; when the present window ends, and more may be, in seconds."""

    left: int
    reset_seconds: float


class RateLimited(ResourceExhausted):
    """It was done too often. ``metadata`` names the limit."""

    reason = "RATE_LIMITED"

    def __init__(self, limit: Limit, wait_seconds: float) -> None:
        super().__init__(
            f"too often: {limit.name} is at most {limit.count} in {limit.window_seconds} s",
            wait_seconds,
            {"limit": limit.name},
        )


def everybody(limit: Limit) -> Charge:
    """Counts under ``limit`` for all together."""
    return Charge(limit, "")


def client(limit: Limit) -> Charge:
    """Counts under ``limit`` for the client of the current call, as its address tells it from others.

    Clients behind a gateway that could not prove to be one share a limit that is ``HIDDEN_CLIENTS`` times as high.
    So they are not locked out as if they were one, and saying to be such a gateway gains nobody more than that.
    """
    call = current_call()
    if call is not None and call.client_is_hidden:
        return Charge(replace(limit, count=limit.count and limit.count * HIDDEN_CLIENTS), "hidden")
    return Charge(limit, network_of(call.client_address) if call else "")


class Permit:
    """That something was counted; what turns out not to count can be given back, once."""

    def __init__(self, counted: dict[str, tuple[WindowTable, str, int]]) -> None:
        self._counted = counted

    def give_back(self, limit: Limit) -> None:
        """Do not count it under ``limit`` after all."""
        if limit.name in self._counted:
            table, key, number = self._counted.pop(limit.name)
            table.give_back(key, number)


class RateLimits:
    """Counts and refuses. ``secret`` keeps those who read the shared counts from telling whose they are."""

    def __init__(self, counts: SharedCounts, secret: Secret, clock: Clock, keys_max: int = KEYS_MAX) -> None:
        self._counts = counts
        self._secret = hmac.digest(secret.reveal().encode(), _PURPOSE, "sha256")
        self._clock = clock
        self._keys_max = keys_max
        self._process = uuid4().hex[:16]
        self._tables: dict[tuple[str, int], WindowTable] = {}

    def __len__(self) -> int:
        """How many keys are remembered, of all limits."""
        return sum(map(len, self._tables.values()))

    def take(self, *charges: Charge) -> Permit:
        """Count once under every one of ``charges``, or under none.

        :raises RateLimited: for the limit of them with the longest wait, when it is too often under any.
        """
        now_ms = self._now_ms()
        asked = [(limit, self._table(limit), key) for limit, key in charges if limit.count]
        wait_ms, limit = max(
            ((table.wait_ms(key, limit.count or 0, now_ms), limit) for limit, table, key in asked),
            key=itemgetter(0),
            default=(0, None),
        )
        if limit is not None and wait_ms > 0:
            _REFUSED.labels(limit.name).inc()
            raise RateLimited(limit, wait_ms / 1000)
        return Permit({limit.name: (table, key, table.count(key, now_ms)) for limit, table, key in asked})

    def standing(self, charge: Charge) -> Standing:
        """How it stands under a limit that is not off, after what was counted."""
        limit, key = charge
        now_ms, window_ms = self._now_ms(), limit.window_seconds * 1000
        return Standing(self._table(limit).left(key, limit.count or 0, now_ms), (window_ms - now_ms % window_ms) / 1000)

    async def settle(self) -> bool:
        """Tell the others what was counted since the last time, and hear what they did; whether there was anything.

        :raises CountsUnavailable: when they cannot be reached. Nothing is lost; the next time it is tried again.
        """
        now_ms = self._now_ms()
        for table in self._tables.values():
            table.forget_what_is_over(now_ms)
        asked = sum(table.asked for table in self._tables.values())
        for _ in range(0, asked, SETTLE_KEYS_MAX):
            await self._settle_some()
        return asked > 0

    async def keep_settled(self) -> None:
        """Settle again and again; to be run as a loop."""
        backoff = Backoff()
        is_alone = False
        while True:
            try:
                heard = await self.settle()
            except CountsUnavailable as error:
                if not is_alone:
                    _log.warning("limits are counted in each process alone: %s", error)
                is_alone = True
                _ALONE.set(1)
                await backoff.wait()
            else:
                if is_alone and heard:
                    _log.info("limits are counted together again")
                    is_alone = False
                    _ALONE.set(0)
                    backoff.reset()
                    self._tell_all_again()
                await asyncio.sleep(SETTLE_SECONDS)

    async def _settle_some(self) -> None:
        now_ms = self._now_ms()
        batch: list[tuple[WindowTable, str, Share]] = []
        for table in self._tables.values():
            batch += [(table, *asked) for asked in table.take_asked(SETTLE_KEYS_MAX - len(batch), now_ms)]
        try:
            answers = await self._counts.exchange([share for _, _, share in batch])
        except CountsUnavailable:
            for table, key, _ in batch:
                table.ask_again(key)
            raise
        for (table, key, share), others in zip(batch, answers, strict=True):
            table.learn(key, share, others)

    def _tell_all_again(self) -> None:
        """Whoever keeps the counts was away, and may have come back without them."""
        for table in self._tables.values():
            table.ask_for_all()

    def _table(self, limit: Limit) -> WindowTable:
        by = (limit.name, limit.window_seconds)
        if by not in self._tables:
            name_of = partial(self._name_of, limit)
            self._tables[by] = WindowTable(limit.window_seconds * 1000, self._keys_max, self._process, name_of)
        return self._tables[by]

    def _name_of(self, limit: Limit, key: str) -> str:
        """What the others know a key by: nobody can read it, or try until it fits, without the secret."""
        digest = hmac.digest(self._secret, f"{limit.name}\0{key}".encode(), "sha256")[:_NAME_BYTES]
        return f"{limit.name}:{limit.window_seconds}:{digest.hex()}"

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)

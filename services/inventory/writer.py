"""The one writer of a replica: it decides about stock, a group of waiting decisions at a time.

MongoDB's transactions collapse when many compete for one item. Here they do not compete: whatever
waits while a group is being decided makes up the next group, so a hot item costs one transaction a
group and not one a caller.
"""

import asyncio
from collections import deque

from chassis.errors import DomainError, ResourceExhausted
from services.inventory.decisions import Adjust, Adjusted, Decision, Outcome, Reserved
from services.inventory.metrics import GROUP_DECISIONS, GROUP_SECONDS, REFUSALS, RESERVATIONS, WAITING
from services.inventory.store import InventoryStore

WAITING_MAX = 1_000
"""More waiting decisions than this are refused: they would not be decided in time anyway."""

GROUP_MAX = 64
"""How many decisions share a transaction at most."""


class Writer:
    """Takes decisions from many callers and has them decided one group after the other."""

    def __init__(self, store: InventoryStore) -> None:
        self._store = store
        self._waiting: deque[tuple[Decision, asyncio.Future[Outcome]]] = deque()
        self._wake = asyncio.Event()

    async def reserved(self, decision: Decision) -> Reserved:
        """Have a decision about a reservation taken.

        :raises DomainError: when it is refused.
        :raises ResourceExhausted: when too many wait.
        """
        outcome = await self._outcome(decision)
        assert isinstance(outcome, Reserved)
        return outcome

    async def adjusted(self, decision: Adjust) -> Adjusted:
        """Have an adjustment made; errors as with :meth:`reserved`."""
        outcome = await self._outcome(decision)
        assert isinstance(outcome, Adjusted)
        return outcome

    async def run(self) -> None:
        """Decide for ever; to be run as one loop."""
        while True:
            await self._wake.wait()
            group = self._next_group()
            if group:
                await self._decide(group)

    async def _outcome(self, decision: Decision) -> Reserved | Adjusted:
        if len(self._waiting) >= WAITING_MAX:
            raise ResourceExhausted(f"more than {WAITING_MAX:,} decisions about stock are waiting")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((decision, future))
        WAITING.set(len(self._waiting))
        self._wake.set()
        outcome = await future
        if isinstance(outcome, DomainError):
            raise outcome
        return outcome

    def _next_group(self) -> list[tuple[Decision, asyncio.Future[Outcome]]]:
        """What waits, but not what nobody waits for any more."""
        group: list[tuple[Decision, asyncio.Future[Outcome]]] = []
        while self._waiting and len(group) < GROUP_MAX:
            decision, future = self._waiting.popleft()
            if not future.done():
                group.append((decision, future))
        WAITING.set(len(self._waiting))
        if not self._waiting:
            self._wake.clear()
        return group

    async def _decide(self, group: list[tuple[Decision, asyncio.Future[Outcome]]]) -> None:
        GROUP_DECISIONS.observe(len(group))
        try:
            with GROUP_SECONDS.time():
                outcomes = await self._store.decide([decision for decision, _ in group])
        except BaseException as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else _stopping())
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), outcome in zip(group, outcomes, strict=True):
            _count(outcome)
            if not future.done():
                future.set_result(outcome)


def _count(outcome: Outcome) -> None:
    if isinstance(outcome, DomainError):
        REFUSALS.labels(outcome.reason).inc()
    elif isinstance(outcome, Reserved) and outcome.moved:
        RESERVATIONS.labels(outcome.reservation.state).inc()


def _stopping() -> ResourceExhausted:
    return ResourceExhausted("this replica is stopping")

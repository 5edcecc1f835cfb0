"""What customers do all day: place, place again with the same key, cancel, read."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from random import Random

from pymongo.errors import PyMongoError

from bench.audit import open_databases, unsettled
from chassis.background import running
from tests.faults.rig.shop import Customer, Shop

LOOKS_SECONDS_MAX = 0.3

UNSETTLED_MAX = 100
"""With so many orders under way no new customer comes: their backlog would measure how fast this machine is, and not
how long an order takes to settle after a fault."""

UNSETTLED_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Mix:
    """How often customers do what; shares of the orders."""

    clients: int = 32
    twins: float = 0.05
    """The same key twice at once."""

    cancels: float = 0.15
    abandons: float = 0.1
    """Customers who do not ask again when they got no answer. Their holds must find their way back."""

    other_bodies: float = 0.02
    """The same key again with other lines: it must be refused."""

    looks: int = 2

    think_seconds: float = 0.0
    """How long a client waits between two orders, at most."""


class Load:
    """Customers at work on ``skus``. What they do follows from ``random``, the order in which it happens does not."""

    def __init__(self, shop: Shop, random: Random, skus: Sequence[str], mix: Mix) -> None:
        self.answers: Counter[str] = Counter()
        self._shop = shop
        self._seed = random.random()
        self._skus = skus
        self._mix = mix
        self._numbers = count()
        self._room = asyncio.Event()
        self._room.set()

    async def run(self, is_enough: Callable[[int], bool]) -> None:
        """Let all clients work until ``is_enough`` of the number of orders begun says so."""

        pauses = Random(self._seed)

        async def client() -> None:
            while await self.wait_for_room() and not is_enough(number := next(self._numbers)):
                await self._visit(number)
                await asyncio.sleep(pauses.uniform(0, self._mix.think_seconds))

        async with running(asyncio.create_task(self._watch_unsettled())), asyncio.TaskGroup() as group:
            for _ in range(self._mix.clients):
                group.create_task(client())

    async def wait_for_room(self) -> bool:
        """Wait until fewer than ``UNSETTLED_MAX`` orders are under way, as the last look saw it. True, in the end."""
        return await self._room.wait()

    async def _watch_unsettled(self) -> None:
        async with open_databases(self._shop.mesh.mongo_uri) as databases:
            while True:
                with suppress(PyMongoError):  # mongod may be what is away; the next look sees it again
                    if len(await unsettled(databases)) < UNSETTLED_MAX:
                        self._room.set()
                    else:
                        self._room.clear()
                await asyncio.sleep(UNSETTLED_LOOK_SECONDS)

    async def _visit(self, number: int) -> None:
        random = Random(f"{self._seed} {number}")
        shop, mix = self._shop, self._mix
        customer = random.choice(shop.customers)
        skus = random.sample(self._skus, k=min(len(self._skus), random.choice((1, 1, 1, 2, 3))))
        items = {sku: random.randint(1, 3) for sku in skus}
        key = f"key-{self._seed}-{number}"
        tries = 2 if random.random() < mix.twins else 1
        is_patient = random.random() >= mix.abandons
        answers = await asyncio.gather(
            *(shop.place(customer, items, key, is_patient=is_patient, twin=twin) for twin in range(tries))
        )
        self.answers[str(answers[0])] += 1
        if answers[0].status != 201:
            return
        order_id = answers[0].body["orderId"]
        if {answer.body.get("orderId", order_id) for answer in answers if answer.is_definite} != {order_id}:
            shop.violations.append(f"I2: key {key} was answered with different orders")
        if random.random() < mix.other_bodies:
            await self._other_body(customer, items, key)
        await self._looks(random, customer, order_id)
        if random.random() < mix.cancels:
            answer = await shop.cancel(customer, order_id)
            self.answers[f"cancel: {answer}"] += 1

    async def _other_body(self, customer: Customer, items: dict[str, int], key: str) -> None:
        answer = await self._shop.place(customer, {sku: quantity + 1 for sku, quantity in items.items()}, key)
        if answer.status != 422:
            self._shop.violations.append(f"I2: key {key} came with other lines and was answered with {answer}")

    async def _looks(self, random: Random, customer: Customer, order_id: str) -> None:
        for _ in range(random.randint(0, self._mix.looks)):
            await asyncio.sleep(random.uniform(0, LOOKS_SECONDS_MAX))
            await self._shop.look(customer, order_id)


async def beside(load: Awaitable[None], faults: Awaitable[None]) -> None:
    """Run both to their end."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_wait_for(load))
        group.create_task(_wait_for(faults))


async def _wait_for(work: Awaitable[None]) -> None:
    await work

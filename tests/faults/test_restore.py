"""Databases are restored to an earlier point, as from a backup, while queue, mails and customers have gone on."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pymongo.asynchronous.client_session import AsyncClientSession
from redis.asyncio import Redis

from bench.audit import Databases, open_databases
from deploy.local.settings import MESH, SERVICES
from deploy.local.stack import Stack
from tests.e2e.conftest import ANSWER_SECONDS, Shop, bearer

Backup = dict[str, dict[str, list[dict[str, Any]]]]
"""Documents, by database and collection."""


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    async with httpx.AsyncClient(
        base_url=stack.environment["GATEWAY_URL"], trust_env=False, timeout=ANSWER_SECONDS
    ) as http:
        shop = Shop(stack, http)
        await shop.log_in_admin()
        yield shop


@pytest.fixture
async def databases(stack: Stack) -> AsyncIterator[Databases]:
    async with open_databases(stack.environment["MONGO_URI"]) as databases:
        yield databases


async def back_up(databases: Databases) -> Backup:
    """All of it as it was at one moment: what a snapshot of a volume has, or mongodump --oplog."""

    async def read(session: AsyncClientSession) -> Backup:
        return {
            service: {
                name: await databases[service][name].find(session=session).to_list()
                for name in await databases[service].list_collection_names()
            }
            for service in SERVICES
        }

    return await databases.at_one_moment(read)


async def restore(stack: Stack, databases: Databases, backup: Backup) -> None:
    """As docs/OPERATIONS.md says: stop the mesh, restore, empty Redis, start it again."""
    for name in reversed(MESH):
        await stack.stop(name)
    for service in SERVICES:
        for name in await databases[service].list_collection_names():
            await databases[service][name].delete_many({})
            if documents := backup[service].get(name):
                await databases[service][name].insert_many(documents)
    client: Any = Redis.from_url(stack.environment["REDIS_URL"])
    async with client as redis:
        await redis.flushall()
    for name in MESH:
        await stack.start(name)


class Story:
    """Orders of one customer around the moment of a backup."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.token = ""
        self.sku = ""
        self.before: list[str] = []
        self.open: list[str] = []
        self.lost: list[str] = []

    async def tell(self, databases: Databases) -> Backup:
        """Some orders are told before it, some are open, some come later; one of the open ones is cancelled later."""
        shop = self._shop
        self.token, self.sku = await shop.customer(), await shop.item(100)
        self.before = [await self._place(f"before-{number}") for number in range(3)]
        await shop.settled()
        await shop.stack.stop("notifier")
        self.open = [await self._place(f"open-{number}") for number in range(3)]
        backup = await back_up(databases)
        await shop.http.post(f"/api/orders/{self.open[0]}/cancel", headers=bearer(self.token))
        self.lost = [await self._place(f"lost-{number}") for number in range(3)]
        await shop.stack.start("notifier")
        await shop.settled()
        return backup

    async def status_code(self, order_id: str) -> int:
        answer = await self._shop.http.get(f"/api/orders/{order_id}", headers=bearer(self.token))
        return answer.status_code

    async def place_again(self, number: int) -> str:
        """What a customer does who finds an order gone: the same with the same key."""
        return await self._place(f"lost-{number}")

    async def _place(self, key: str) -> str:
        answer = await self._shop.order(self.token, (self.sku, 1), key=key)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["orderId"])

    async def statuses(self, order_ids: list[str]) -> list[str]:
        return [await self._shop.status(self.token, order_id) for order_id in order_ids]


async def test_databases_restored_to_one_moment_come_to_rest(shop: Shop, databases: Databases) -> None:
    story = Story(shop)
    backup = await story.tell(databases)

    await restore(shop.stack, databases, backup)
    await shop.log_in_admin()
    await shop.settled()  # the audit finds nothing

    assert await story.statuses(story.before + story.open) == ["PROCESSED"] * 6, "the cancellation is undone"
    assert [await story.status_code(order_id) for order_id in story.lost] == [404] * 3
    assert await story.place_again(0) == story.lost[0]
    await shop.settled()
    assert await shop.stock(story.sku) == {"available": 93, "reserved": 0, "sold": 7}

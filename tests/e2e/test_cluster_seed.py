"""The cluster's seed against a whole mesh: it finds what is there, and makes what is lost."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import httpx
from pymongo import AsyncMongoClient

from chassis.background import running
from chassis.config import Environment
from deploy.cluster.watch_seed import Seeds, watch_seed
from deploy.local.ports import free_ports
from deploy.local.stack import Stack

SKU = "last-one-mug"
SOON_SECONDS = 60.0


@asynccontextmanager
async def lost(stack: Stack, sku: str) -> AsyncIterator[None]:
    """Inventory has lost an item for the length of the block; then it is as it was before."""
    async with AsyncMongoClient[dict[str, Any]](stack.environment["MONGO_URI"]) as mongo:
        items, adjustments = mongo.inventory.items, mongo.inventory.adjustments
        item = await items.find_one_and_delete({"_id": sku})
        adjusted = await adjustments.find({"_id.sku": sku}).to_list()
        await adjustments.delete_many({"_id.sku": sku})
        assert item is not None
        try:
            yield
        finally:
            await adjustments.delete_many({"_id.sku": sku})
            await adjustments.insert_many(adjusted)
            await items.replace_one({"_id": sku}, item, upsert=True)


async def test_users_and_stock_are_made_when_they_are_not_there(stack: Stack) -> None:
    logins = {"ADMIN_EMAIL": "boss-of-the-cluster@example.com", "DEMO_EMAIL": "guest-of-the-cluster@example.com"}
    seeds = Seeds.read(Environment({**stack.environment, **logins}), os.environ)
    port = free_ports(["health"])["health"]
    async with (
        lost(stack, SKU),
        httpx.AsyncClient(base_url=stack.environment["GATEWAY_URL"], trust_env=False) as gateway,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as health,
    ):
        assert (await gateway.get(f"/api/inventory/{SKU}")).status_code == HTTPStatus.NOT_FOUND
        async with running(asyncio.create_task(watch_seed(seeds, port))), asyncio.timeout(SOON_SECONDS):
            while (await _ready(health)) != HTTPStatus.OK:
                await asyncio.sleep(0.05)
        item = await gateway.get(f"/api/inventory/{SKU}")
        roles = [
            await _role(gateway, logins[f"{who}_EMAIL"], stack.environment[f"{who}_PASSWORD"])
            for who in ("ADMIN", "DEMO")
        ]

    assert item.json()["available"] == 1
    assert roles == ["ADMIN", "CUSTOMER"]


async def _role(gateway: httpx.AsyncClient, email: str, password: str) -> str:
    login = await gateway.post("/api/auth/login", json={"email": email, "password": password})
    me = await gateway.get("/api/auth/me", headers={"authorization": f"Bearer {login.json()['accessToken']}"})
    return str(me.json()["role"])


async def _ready(health: httpx.AsyncClient) -> int:
    try:
        return (await health.get("/readyz")).status_code
    except httpx.TransportError:
        return 0

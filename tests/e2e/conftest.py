"""What the tests of the whole mesh share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from bench.audit import broken, open_databases, unsettled
from deploy.local.stack import Stack
from tests.e2e.browser import Browser, missing, open_browser

WAIT_SECONDS_MAX = 60.0
ANSWER_SECONDS = 15.0


class Shop:
    """The mesh over REST, with an admin and as many customers as a test wants."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.http = http
        self.admin = ""
        self._numbers = count(1)

    async def log_in_admin(self) -> None:
        env = self.stack.environment
        self.admin = await self.log_in(env["ADMIN_EMAIL"], env["ADMIN_PASSWORD"])

    async def customer(self) -> str:
        """A new customer's access token; the address is <name>@example.com."""
        email = f"customer-{uuid4().hex[:12]}@example.com"
        account = {"email": email, "password": "correct horse battery", "name": "Grace"}
        assert (await self.http.post("/api/auth/register", json=account)).status_code == 201
        return await self.log_in(email, account["password"])

    async def log_in(self, email: str, password: str) -> str:
        answer = await self.http.post("/api/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["accessToken"])

    async def item(self, stock: int, *, price: int = 2_500, currency: str = "EUR", name: str = "Lamp") -> str:
        """A new item; its sku."""
        sku = f"SKU-{next(self._numbers)}-{uuid4().hex[:8]}"
        item = {
            "sku": sku,
            "name": name,
            "unitPrice": {"currencyCode": currency, "minorUnits": str(price)},
            "initialStock": stock,
        }
        answer = await self.http.post("/api/inventory", json=item, headers=bearer(self.admin))
        assert answer.status_code == 201, answer.text
        return sku

    async def order(self, token: str, *lines: tuple[str, int], key: str | None = None) -> httpx.Response:
        """Place an order; the answer, whatever it is."""
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
        headers = bearer(token) | ({"idempotency-key": key} if key else {})
        return await self.http.post("/api/orders", json={"items": items}, headers=headers)

    async def stock(self, sku: str) -> dict[str, int]:
        """available, reserved and sold, as an admin sees them."""
        answer = await self.http.get(f"/api/inventory/{sku}", headers=bearer(self.admin))
        return {name: answer.json()[name] for name in ("available", "reserved", "sold")}

    async def status(self, token: str, order_id: str) -> str:
        answer = await self.http.get(f"/api/orders/{order_id}", headers=bearer(token))
        return str(answer.json()["status"])

    async def settled(self) -> None:
        """Wait until every order has ended, is told, and owes nothing; then audit the data."""
        async with open_databases(self.stack.environment["MONGO_URI"]) as databases:

            async def nothing_left() -> bool:
                return not await unsettled(databases)

            await eventually(nothing_left)
            assert await broken(databases) == []


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await condition():
            await asyncio.sleep(0.05)


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[Shop]:
    """The mesh, ready, with its admin logged in."""
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(
        base_url=stack.environment["GATEWAY_URL"], trust_env=False, timeout=ANSWER_SECONDS, limits=limits
    ) as http:
        shop = Shop(stack, http)
        await shop.log_in_admin()
        yield shop


@pytest.fixture
async def ada(shop: Shop) -> Any:
    """A customer's token."""
    return await shop.customer()


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    """A headless Chromium with an empty profile."""
    if name := missing():
        pytest.skip(f"there is no {name} here (Debian: apt install chromium chromium-driver)")
    async with open_browser(tmp_path / "profile") as browser:
        yield browser

"""The mesh over REST."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx

from deploy.local.demo.shop import OrderSeen, StatusChange, money
from deploy.local.errors import StackError

ANSWER_SECONDS = 10.0


class RestShop:
    """See :class:`deploy.local.demo.shop.Shop`."""

    way = "REST"

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def register(self, email: str, password: str) -> None:
        """POST /api/auth/register."""
        await self._ask("POST", "/api/auth/register", {"email": email, "password": password, "name": "Grace"})

    async def log_in(self, email: str, password: str) -> None:
        """POST /api/auth/login."""
        tokens = await self._ask("POST", "/api/auth/login", {"email": email, "password": password})
        self._client.headers["authorization"] = f"Bearer {tokens['accessToken']}"

    async def available(self, sku: str) -> int:
        """GET /api/inventory."""
        page = await self._ask("GET", "/api/inventory")
        return next(int(item.get("available", 0)) for item in page["items"] if item["sku"] == sku)

    async def place_order(self, sku: str, quantity: int, idempotency_key: str) -> OrderSeen:
        """POST /api/orders."""
        body = {"items": [{"sku": sku, "quantity": quantity}]}
        return _seen(await self._ask("POST", "/api/orders", body, {"idempotency-key": idempotency_key}))

    async def order(self, order_id: str) -> OrderSeen:
        """GET /api/orders/{id}."""
        return _seen(await self._ask("GET", f"/api/orders/{order_id}"))

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        try:
            answer = await self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise StackError(f"{method} {path}: {type(error).__name__} {error}") from error
        if not answer.is_success:
            raise StackError(f"{method} {path} was answered with {answer.status_code}: {answer.text}")
        return answer.json()


@asynccontextmanager
async def open_rest_shop(url: str) -> AsyncIterator[RestShop]:
    """The mesh over REST at ``url``."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=ANSWER_SECONDS) as client:
        yield RestShop(client)


def _seen(order: dict[str, Any]) -> OrderSeen:
    history = tuple(StatusChange(entry["status"], datetime.fromisoformat(entry["time"])) for entry in order["history"])
    total = money(order["total"]["currencyCode"], int(order["total"]["minorUnits"]))
    return OrderSeen(order["orderId"], order["status"], total, history)

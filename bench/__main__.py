"""``python -m bench``: many customers want the same thing, on a fresh local stack.

2,000 orders for one item with a stock of 2,000, 200 at a time, over REST. Prints how long the tries took,
how long until the last customer was told, and what the audit of the data says.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from bench.audit import broken, open_databases, unsettled
from deploy.local.console import Console
from deploy.local.environments import reach_this_machine_directly
from deploy.local.settings import Settings, isolated
from deploy.local.stack import start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

STATE = Path(".local/bench")
TRIES = 2_000
STOCK = 2_000
CLIENTS = 200
CUSTOMERS = 20
SETTLE_SECONDS_MAX = 600.0
ANSWER_SECONDS = 60.0

SKU = "hot-item"
PASSWORD = "correct horse battery"  # nosec B105 # noqa: S105 - of customers who live for one run


async def main() -> int:
    """Run it on a stack of its own; returns the exit code."""
    reach_this_machine_directly()
    state, console = StateDirectory(STATE), Console()
    with state.locked():
        state.clear()
        async with Supervisor(state, console.plain) as supervisor:
            stack = await start_stack(Settings.read(isolated(os.environ)), state, supervisor, console.plain)
            return await hot_sku(stack.environment, console)


async def hot_sku(env: Mapping[str, str], console: Console) -> int:
    """Everybody wants the same thing."""
    timeout, connector = aiohttp.ClientTimeout(ANSWER_SECONDS), aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(env["GATEWAY_URL"], timeout=timeout, connector=connector) as http:
        admin = await _log_in(http, env["ADMIN_EMAIL"], env["ADMIN_PASSWORD"])
        price = {"currencyCode": "EUR", "minorUnits": "100"}
        item = {"sku": SKU, "name": "Hot item", "unitPrice": price, "initialStock": STOCK}
        await _post(http, "/api/inventory", item, admin)
        customers = [await _register(http, f"customer-{number}@example.com") for number in range(CUSTOMERS)]
        begun = monotonic()
        latencies, answers = await _order(http, customers)
        tried_seconds = monotonic() - begun
    async with open_databases(env["MONGO_URI"]) as databases:
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            while await unsettled(databases):
                await asyncio.sleep(0.5)
        settled_seconds = monotonic() - begun
        findings = await broken(databases)
    latencies.sort()
    console.plain(f"{TRIES} tries from {CLIENTS} clients, stock {STOCK}: {dict(answers)} in {tried_seconds:.1f} s")
    console.plain(f"an answer took p50 {latencies[TRIES // 2]:.2f} s, p99 {latencies[TRIES * 99 // 100]:.2f} s")
    console.plain(f"all processed and told after {settled_seconds:.1f} s")
    console.plain("\n".join(findings) or "the audit found nothing")
    return 0 if not findings and answers == Counter({201: min(STOCK, TRIES)}) else 1


async def _order(http: aiohttp.ClientSession, customers: list[dict[str, str]]) -> tuple[list[float], Counter[int]]:
    answers: Counter[int] = Counter()
    latencies: list[float] = []
    numbers = iter(range(TRIES))

    async def client() -> None:
        for number in numbers:
            begun = monotonic()
            body = {"items": [{"sku": SKU, "quantity": 1}]}
            async with http.post("/api/orders", json=body, headers=customers[number % CUSTOMERS]) as answer:
                await answer.read()
            latencies.append(monotonic() - begun)
            answers[answer.status] += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return latencies, answers


async def _register(http: aiohttp.ClientSession, email: str) -> dict[str, str]:
    await _post(http, "/api/auth/register", {"email": email, "password": PASSWORD}, {})
    return await _log_in(http, email, PASSWORD)


async def _log_in(http: aiohttp.ClientSession, email: str, password: str) -> dict[str, str]:
    tokens = await _post(http, "/api/auth/login", {"email": email, "password": password}, {})
    return {"authorization": f"Bearer {tokens['accessToken']}"}


async def _post(http: aiohttp.ClientSession, path: str, body: Mapping[str, object], headers: dict[str, str]) -> Any:
    async with http.post(path, json=body, headers=headers) as answer:
        answer.raise_for_status()
        return await answer.json()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""``python -m bench.sizing``: what each kind of request costs each process in CPU, on a fresh local stack.

CPU time, not time: it says how much of a core so many requests a second will take, and hardly depends on what else the
machine does. What the processes use when nothing happens is taken off. An order is counted until its customer was told.
moto stands in for SQS and SES, so what orders and notifier spend on talking to them is in it, and their answers' delay
is not real.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from bench.audit import open_databases, unsettled
from bench.usage import Meter, Usage
from deploy.local.console import Console
from deploy.local.environments import reach_this_machine_directly
from deploy.local.settings import Settings, isolated
from deploy.local.stack import Stack, start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

STATE = Path(".local/sizing")
MEASURED = ("gateway", "auth", "inventory", "orders", "notifier", "mongod", "redis")
CLIENTS = 16
WARM_UP = 100
IDLE_SECONDS = 10.0
SETTLE_SECONDS_MAX = 600.0
ANSWER_SECONDS = 60.0
SKUS = 50
"""Orders are spread over so many items: what one hot item costs is ``python -m bench``'s question."""

NO_LIMITS = dict.fromkeys(("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS", "REFRESH_LIMIT_SESSION"), "off")

Request = Callable[[int], Awaitable[None]]


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description="What requests cost in CPU.")
    parser.add_argument("--requests", type=int, default=2_000, help="of each kind (default 2000; logins: a tenth)")
    return parser.parse_args(arguments)


async def main(chosen: argparse.Namespace) -> int:
    """Run it on a stack of its own; returns the exit code."""
    reach_this_machine_directly()
    state, console = StateDirectory(STATE), Console()
    with state.locked():
        state.clear()
        async with Supervisor(state, console.plain) as supervisor:
            settings = Settings.read(isolated(os.environ) | NO_LIMITS)
            stack = await start_stack(settings, state, supervisor, console.plain)
            await measure(stack, chosen.requests, console)
            return 0


async def measure(stack: Stack, requests: int, console: Console) -> None:
    """Each kind of request, one after the other; prints a line for each."""
    pids = {name: pid for name in MEASURED if (pid := stack.supervisor[name].pid) is not None}
    timeout, connector = aiohttp.ClientTimeout(ANSWER_SECONDS), aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(stack.environment["GATEWAY_URL"], timeout=timeout, connector=connector) as http:
        customer = Customer(http, stack.environment)
        await customer.prepare(requests)
        console.plain("milliseconds of CPU a request; MiB: resident memory behind all of them")
        console.plain(f"{'':<30}" + "".join(f"{name:>11}" for name in MEASURED))
        await _times(customer.place, WARM_UP)
        await customer.settled()
        meter = Meter(pids)
        await asyncio.sleep(IDLE_SECONDS)
        idle = meter.read()
        _say("nothing, each second", {name: usage.cpu_percent * 10 for name, usage in idle.items()}, console)
        for name, request, tries in (
            ("GET /api/inventory/{sku}", customer.read_item, requests),
            ("GET /api/auth/me", customer.read_account, requests),
            ("GET /api/orders/{order_id}", customer.read_order, requests),
            ("POST /api/orders, until told", customer.place, requests),
            ("POST /api/auth/login", customer.log_in, requests // 10),
        ):
            await customer.log_in(0)
            begun, meter = monotonic(), Meter(pids)
            await _times(request, tries)
            await customer.settled()
            used = meter.read()
            _say(name, _cost(used, idle, monotonic() - begun, tries), console)
        _say("MiB", {name: usage.resident_mib for name, usage in used.items()}, console, digits=0)


def _cost(used: Mapping[str, Usage], idle: Mapping[str, Usage], seconds: float, tries: int) -> dict[str, float]:
    """Milliseconds of CPU a try."""
    return {
        name: max(0.0, usage.cpu_percent - idle[name].cpu_percent) * 10 * seconds / tries
        for name, usage in used.items()
    }


def _say(what: str, values: Mapping[str, float], console: Console, digits: int = 2) -> None:
    console.plain(f"{what:<30}" + "".join(f"{values[name]:>11.{digits}f}" for name in MEASURED))


async def _times(request: Request, tries: int) -> None:
    """So many requests, from all clients together."""
    numbers = iter(range(tries))

    async def client() -> None:
        for number in numbers:
            await request(number)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


class Customer:
    """The demo customer, and items that never run out."""

    def __init__(self, http: aiohttp.ClientSession, environment: Mapping[str, str]) -> None:
        self._http = http
        self._environment = environment
        self._keys = count()
        self._headers: dict[str, str] = {}
        self._order = ""

    async def prepare(self, orders: int) -> None:
        """Put enough on the shelves, and place one order to read."""
        admin = await self._token("ADMIN")
        price = {"currencyCode": "EUR", "minorUnits": "100"}
        for number in range(SKUS):
            item = {"sku": f"item-{number}", "name": "X", "unitPrice": price, "initialStock": orders + WARM_UP}
            await self._post("/api/inventory", item, admin)
        await self.log_in(0)
        await self.place(0)
        await self.settled()

    async def settled(self) -> None:
        """Wait until every customer was told."""
        async with open_databases(self._environment["MONGO_URI"]) as databases, asyncio.timeout(SETTLE_SECONDS_MAX):
            while await unsettled(databases):
                await asyncio.sleep(0.5)

    async def read_item(self, number: int) -> None:
        """Read one of the items."""
        await self._get(f"/api/inventory/item-{number % SKUS}")

    async def read_account(self, _: int) -> None:
        """Read the account."""
        await self._get("/api/auth/me")

    async def read_order(self, _: int) -> None:
        """Read an order that has ended."""
        await self._get(f"/api/orders/{self._order}")

    async def place(self, number: int) -> None:
        """Order one item."""
        body = {"items": [{"sku": f"item-{number % SKUS}", "quantity": 1}]}
        headers = self._headers | {"idempotency-key": f"key-{next(self._keys)}"}
        self._order = (await self._post("/api/orders", body, headers))["orderId"]

    async def log_in(self, _: int) -> None:
        """Log in again; the token is good for ten minutes."""
        self._headers = await self._token("DEMO")

    async def _token(self, who: str) -> dict[str, str]:
        account = {"email": self._environment[f"{who}_EMAIL"], "password": self._environment[f"{who}_PASSWORD"]}
        tokens = await self._post("/api/auth/login", account, {})
        return {"authorization": f"Bearer {tokens['accessToken']}"}

    async def _get(self, path: str) -> None:
        async with self._http.get(path, headers=self._headers) as answer:
            answer.raise_for_status()
            await answer.read()

    async def _post(self, path: str, body: Mapping[str, object], headers: Mapping[str, str]) -> Any:
        async with self._http.post(path, json=body, headers=headers) as answer:
            answer.raise_for_status()
            return await answer.json()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(options(sys.argv[1:]))))

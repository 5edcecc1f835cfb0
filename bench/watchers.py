"""``python -m bench.watchers``: many customers watch their orders, on a fresh stack with two replicas of orders.

Each watcher has an event stream of its own; the orders are then cancelled at a steady rate, while somebody else reads
orders. Prints how long after a status was written its watchers had it, what the reads took meanwhile and what they take
without watchers, and what the gateway and both replicas of orders use before, while everybody only waits, while orders
change, and after the watchers have left. They come in waves: each must leave no more behind than the one before. Fails
when a change took longer than ``SEEN_SECONDS_MAX`` (p99) or did not come.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic, time
from typing import Any

import aiohttp

from bench.usage import Meter, Usage, usage_over
from deploy.local.console import Console
from deploy.local.environments import reach_this_machine_directly
from deploy.local.settings import Settings, isolated
from deploy.local.stack import Stack, start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

STATE = Path(".local/watchers")
SEEN_SECONDS_MAX = 1.0
MEASURED = ("gateway", "orders", "orders-2")
CUSTOMERS = 20
PLACED_AT_ONCE = 20
ANSWER_SECONDS_MAX = 60.0
SETTLE_SECONDS = 3.0
"""Between two phases, so that what the one leaves behind is not measured in the next."""

SKU = "watched-item"
PASSWORD = "correct horse battery"  # nosec B105 # noqa: S105 - of customers who live for one run

Headers = Mapping[str, str]
Order = tuple[str, Headers]
"""An order's id, and who may see it."""


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.watchers", description="Many who watch orders.")
    parser.add_argument("--watchers", type=int, default=500, help="event streams (default 500)")
    parser.add_argument("--orders", type=int, help="orders that they share (default: each has one; 1: all the same)")
    parser.add_argument("--waves", type=int, default=3, help="how often they come and leave (default 3)")
    parser.add_argument("--changes", type=float, default=25.0, help="orders that change in a second (default 25)")
    parser.add_argument("--reads", type=float, default=50.0, help="reads in a second meanwhile (default 50)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long a quiet phase is measured (default 10)")
    return parser.parse_args(arguments)


async def main(chosen: argparse.Namespace) -> int:
    """Run it on a stack of its own; returns the exit code."""
    reach_this_machine_directly()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    state, console = StateDirectory(STATE), Console()
    with state.locked():
        state.clear()
        async with Supervisor(state, console.plain) as supervisor:
            settings = Settings.read(isolated(os.environ) | {"ORDERS_REPLICAS": "2"})
            stack = await start_stack(settings, state, supervisor, console.plain)
            await stack.stop("notifier")  # who would process the orders before somebody watches them
            return await measure(stack, chosen, console)


async def measure(stack: Stack, chosen: argparse.Namespace, console: Console) -> int:
    """All phases, one after the other, in as many waves as are wanted."""
    pids = {name: pid for name in MEASURED if (pid := stack.supervisor[name].pid) is not None}
    timeout, connector = aiohttp.ClientTimeout(sock_read=ANSWER_SECONDS_MAX), aiohttp.TCPConnector(limit=0)
    watchers: list[Watcher] = []
    meanwhile: list[float] = []
    async with aiohttp.ClientSession(stack.environment["GATEWAY_URL"], timeout=timeout, connector=connector) as http:
        customers = await _stock(http, stack.environment, chosen.waves * (chosen.orders or chosen.watchers))
        orders = await _place(http, customers, PLACED_AT_ONCE)
        await _read(http, orders, chosen.reads, SETTLE_SECONDS)
        alone = await _read(http, orders, chosen.reads, chosen.seconds)
        await asyncio.sleep(SETTLE_SECONDS)
        _say_usage("before", await usage_over(chosen.seconds, pids), console)
        for _ in range(chosen.waves):
            orders = await _place(http, customers, chosen.orders or chosen.watchers)
            wave = [Watcher(http, orders[number % len(orders)]) for number in range(chosen.watchers)]
            tasks = [asyncio.create_task(watcher.run()) for watcher in wave]
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await asyncio.gather(*(watcher.begun.wait() for watcher in wave))
            await asyncio.sleep(SETTLE_SECONDS)
            _say_usage("all wait", await usage_over(chosen.seconds, pids), console)
            meter, seconds = Meter(pids), max(1.0, len(orders) / chosen.changes)
            reads, _ = await asyncio.gather(
                _read(http, orders, chosen.reads, seconds), _change(http, orders, chosen.changes)
            )
            _say_usage("orders change", meter.read(), console)
            await asyncio.wait(tasks, timeout=ANSWER_SECONDS_MAX)
            for task in tasks:
                task.cancel()
            failures = Counter(repr(error) for error in await asyncio.gather(*tasks, return_exceptions=True) if error)
            for failure, count in failures.items():
                console.plain(f"{count} watchers failed: {failure}")
            watchers += wave
            meanwhile += reads
            await asyncio.sleep(SETTLE_SECONDS)
            _say_usage("they have left", await usage_over(chosen.seconds, pids), console)
    return _say(watchers, alone, meanwhile, console)


class Watcher:
    """One event stream, and how long after it was written it had the change."""

    def __init__(self, http: aiohttp.ClientSession, order: Order) -> None:
        self.begun = asyncio.Event()
        self.seconds: float | None = None
        self._http = http
        self._order_id, self._headers = order

    async def run(self) -> None:
        """Read to the end of the stream."""
        path = f"/api/orders/{self._order_id}/events"
        async with self._http.get(path, headers=self._headers) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                now = time()
                if line.startswith(b"data: "):
                    change = json.loads(line[6:])["history"][-1]
                    if change["status"] == "CANCELLED":
                        self.seconds = now - datetime.fromisoformat(change["time"]).timestamp()
                    self.begun.set()


async def _stock(http: aiohttp.ClientSession, env: Mapping[str, str], count: int) -> list[Headers]:
    """Something to order, and who orders it."""
    admin = await _log_in(http, env["ADMIN_EMAIL"], env["ADMIN_PASSWORD"])
    price = {"currencyCode": "EUR", "minorUnits": "100"}
    stock = count + PLACED_AT_ONCE
    await _post(http, "/api/inventory", {"sku": SKU, "name": "X", "unitPrice": price, "initialStock": stock}, admin)
    customers = []
    for number in range(CUSTOMERS):
        account = {"email": f"customer-{number}@example.com", "password": PASSWORD}
        await _post(http, "/api/auth/register", account, {})
        customers.append(await _log_in(http, account["email"], PASSWORD))
    return customers


async def _place(http: aiohttp.ClientSession, customers: Sequence[Headers], count: int) -> list[Order]:
    orders: list[Order] = []
    numbers = iter(range(count))

    async def place() -> None:
        for number in numbers:
            customer = customers[number % CUSTOMERS]
            order = await _post(http, "/api/orders", {"items": [{"sku": SKU, "quantity": 1}]}, customer)
            orders.append((order["orderId"], customer))

    await asyncio.gather(*(place() for _ in range(PLACED_AT_ONCE)))
    return orders


async def _change(http: aiohttp.ClientSession, orders: Sequence[Order], rate: float) -> None:
    """Cancel all orders at a steady rate."""
    begun = monotonic()
    async with asyncio.TaskGroup() as group:
        for number, (order_id, headers) in enumerate(orders):
            await asyncio.sleep(max(0.0, begun + number / rate - monotonic()))
            group.create_task(_post(http, f"/api/orders/{order_id}/cancel", {}, headers))


async def _read(http: aiohttp.ClientSession, orders: Sequence[Order], rate: float, seconds: float) -> list[float]:
    """Read orders at a steady rate; how long each took since it was due."""
    latencies: list[float] = []

    async def one(due: float, order_id: str, headers: Headers) -> None:
        async with http.get(f"/api/orders/{order_id}", headers=headers) as answer:
            answer.raise_for_status()
            await answer.read()
        latencies.append(monotonic() - due)

    begun = monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * seconds)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - monotonic()))
            group.create_task(one(due, *orders[number % len(orders)]))
    return latencies


async def _log_in(http: aiohttp.ClientSession, email: str, password: str) -> Headers:
    tokens = await _post(http, "/api/auth/login", {"email": email, "password": password}, {})
    return {"authorization": f"Bearer {tokens['accessToken']}"}


async def _post(http: aiohttp.ClientSession, path: str, body: Mapping[str, object], headers: Headers) -> Any:
    async with http.post(path, json=body, headers=headers) as answer:
        answer.raise_for_status()
        return await answer.json()


def _say(watchers: Sequence[Watcher], alone: Sequence[float], meanwhile: Sequence[float], console: Console) -> int:
    seen = [watcher.seconds for watcher in watchers if watcher.seconds is not None]
    console.plain(
        f"{len(seen)} of {len(watchers)} watchers saw their order change: {_shares(seen)} after it was written"
    )
    console.plain(f"reads without watchers: {_shares(alone)}; while orders changed: {_shares(meanwhile)}")
    return 0 if len(seen) == len(watchers) and _share(seen, 0.99) <= SEEN_SECONDS_MAX else 1


def _say_usage(phase: str, usage: Mapping[str, Usage], console: Console) -> None:
    used = (f"{name} {u.resident_mib:.0f} MiB, {u.cpu_percent:.1f} % of a core" for name, u in usage.items())
    console.plain(f"{phase}: {'; '.join(used)}")


def _shares(seconds: Sequence[float]) -> str:
    return ", ".join(f"p{share:.0f} {1000 * _share(seconds, share / 100):.0f} ms" for share in (50, 99, 100))


def _share(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))] if seconds else float("nan")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(main(options(sys.argv[1:]))))

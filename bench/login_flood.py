"""``python -m bench.login_flood``: what a flood of logins does to everybody else, on a fresh local stack.

One customer reads their account and an item at a steady rate, while nothing else happens and then while somebody
sends wrong passwords, by turns. The flood comes from many addresses and for many accounts, so of the limits only
the global one is in its way; ``--limits off`` takes that away too, and what comes is bounded by the queue of hashing
alone. Prints p50 and p99 of each read without and with the flood, and fails when a p99 is more than
``RATIO_MAX`` times as high.
"""

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import aiohttp

from chassis.config import Environment
from deploy.local.console import Console
from deploy.local.environments import reach_this_machine_directly
from deploy.local.settings import Settings, isolated
from deploy.local.stack import start_stack
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from services.auth.limits import LimitsConfig

STATE = Path(".local/login-flood")
RATIO_MAX = 2.0
WARM_UP_SECONDS = 2.0
ANSWER_SECONDS_MAX = 10.0
FLOOD_NICENESS = 10
"""Whoever floods has machines of their own: here they must not take the CPU from who is measured."""

ACCOUNTS = 1_000_000
"""The flood's accounts: so many that the limit of an account is not in its way."""

READS = ("/api/auth/me", "/api/inventory/espresso-beans")

Latencies = dict[str, list[float]]


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.login_flood", description="A flood of logins.")
    parser.add_argument("--rounds", type=int, default=3, help="how often without and with the flood (default 3)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each time (default 20)")
    parser.add_argument("--reads", type=float, default=100.0, help="reads in a second (default 100)")
    parser.add_argument("--logins", type=float, default=200.0, help="logins of the flood in a second (default 200)")
    parser.add_argument("--limits", choices=("production", "off"), default="production")
    parser.add_argument("--flood", metavar="URL", help="only send the flood there, once (what the bench itself uses)")
    return parser.parse_args(arguments)


async def main(chosen: argparse.Namespace) -> int:
    """Run it on a stack of its own; returns the exit code."""
    reach_this_machine_directly()
    if chosen.flood:
        os.nice(FLOOD_NICENESS)
        print("flooding", flush=True)  # noqa: T201 - a word between this program's own processes
        print(json.dumps(await flood(chosen.flood, chosen.logins, chosen.seconds)))  # noqa: T201 - as well
        return 0
    state, console = StateDirectory(STATE), Console()
    environment = isolated(os.environ) | {"TRUSTED_PROXIES": "127.0.0.1"} | _limits(chosen.limits)
    with state.locked():
        state.clear()
        async with Supervisor(state, console.plain) as supervisor:
            stack = await start_stack(Settings.read(environment), state, supervisor, console.plain)
            return await measure(stack.environment, chosen, console)


async def measure(env: Mapping[str, str], chosen: argparse.Namespace, console: Console) -> int:
    """Read without and with the flood, by turns, and say how long it took."""
    quiet: Latencies = {path: [] for path in READS}
    flooded: Latencies = {path: [] for path in READS}
    answers: Counter[str] = Counter()
    async with _client(env["GATEWAY_URL"]) as http:
        account = {"email": env["DEMO_EMAIL"], "password": env["DEMO_PASSWORD"]}
        async with http.post("/api/auth/login", json=account) as answer:
            answer.raise_for_status()
            headers = {"authorization": f"Bearer {(await answer.json())['accessToken']}"}
        await read(http, headers, chosen.reads, WARM_UP_SECONDS, {path: [] for path in READS})
        for _ in range(chosen.rounds):
            await read(http, headers, chosen.reads, chosen.seconds, quiet)
            async with _flooding(env["GATEWAY_URL"], chosen, answers):
                await read(http, headers, chosen.reads, chosen.seconds, flooded)
    console.plain(f"a flood of {chosen.logins:.0f} logins a second, limits {chosen.limits}: {dict(answers)}")
    ratios = [_said(path, quiet[path], flooded[path], console) for path in READS]
    return 0 if max(ratios) <= RATIO_MAX else 1


async def read(
    http: aiohttp.ClientSession, headers: Mapping[str, str], rate: float, seconds: float, latencies: Latencies
) -> None:
    """Read at a steady rate. A latency begins when the read was due, also when those before are late."""

    async def one(number: int, due: float) -> None:
        path = READS[number % len(READS)]
        async with http.get(path, headers=headers) as answer:
            answer.raise_for_status()
            await answer.read()
        latencies[path].append(monotonic() - due)

    await _steadily(rate, seconds, one)


async def flood(url: str, rate: float, seconds: float) -> Counter[str]:
    """Wrong passwords at a steady rate, each from another address; how often which status was the answer."""
    chance, answers = Random(), Counter[str]()  # noqa: S311 - no secret is made of it

    async def one(_number: int, _due: float) -> None:
        account = {"email": f"customer-{chance.randrange(ACCOUNTS)}@example.com", "password": "a wrong guess"}
        address = f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"
        try:
            async with http.post("/api/auth/login", json=account, headers={"x-forwarded-for": address}) as answer:
                answers[str(answer.status)] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            answers[type(error).__name__] += 1

    async with _client(url) as http:
        await _steadily(rate, seconds, one)
    return answers


@asynccontextmanager
async def _flooding(url: str, chosen: argparse.Namespace, answers: Counter[str]) -> AsyncIterator[None]:
    """The flood for about the length of the block, in a process of its own: who measures must not pay for it."""
    told = ("--flood", url, "--logins", str(chosen.logins), "--seconds", str(chosen.seconds))
    command = (sys.executable, "-m", "bench.login_flood", *told)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None, "it was asked for"
    try:
        await process.stdout.readline()
        yield
        output = await process.stdout.read()
        answers.update(json.loads(output))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _steadily(rate: float, seconds: float, work: Callable[[int, float], Coroutine[Any, Any, None]]) -> None:
    """Begin ``rate`` works a second for so long, whether those before are done or not; wait for all of them."""
    begun = monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * seconds)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - monotonic()))
            group.create_task(work(number, due))


def _client(url: str) -> aiohttp.ClientSession:
    timeout, connector = aiohttp.ClientTimeout(ANSWER_SECONDS_MAX), aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(url, timeout=timeout, connector=connector)


def _limits(chosen: str) -> dict[str, str]:
    """The keys of the limits: the defaults of production, or none."""
    keys = {}
    for limit in vars(LimitsConfig.read(Environment({}))).values():
        what, whom = limit.name.upper().split("-")
        keys[f"{what}_LIMIT_{whom}"] = f"{limit.count}/{limit.window_seconds}" if chosen == "production" else "off"
    return keys


def _said(path: str, quiet: list[float], flooded: list[float], console: Console) -> float:
    """One line about a read; how many times as high its p99 became."""
    ratio = _share(flooded, 0.99) / _share(quiet, 0.99)
    console.plain(
        f"GET {path}: quiet p50 {1000 * _share(quiet, 0.5):.1f} ms, p99 {1000 * _share(quiet, 0.99):.1f} ms; "
        f"in the flood p50 {1000 * _share(flooded, 0.5):.1f} ms, p99 {1000 * _share(flooded, 0.99):.1f} ms "
        f"({len(quiet)} and {len(flooded)} reads): p99 is {ratio:.2f} x"
    )
    return ratio


def _share(latencies: list[float], share: float) -> float:
    return sorted(latencies)[min(len(latencies) - 1, int(share * len(latencies)))]


if __name__ == "__main__":
    sys.exit(asyncio.run(main(options(sys.argv[1:]))))

"""One of two replicas goes, or comes back: who calls them without a break loses no call.

Every call here is one that is never repeated, so that nothing covers up a loss. All of it holds with TLS as without.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.background import running
from chassis.channels import RECONNECT_SECONDS_MAX, open_channel
from chassis.testing_tls import TestAuthority
from chassis.tests.replicas import AUTH, Callers, Replica, until
from chassis.tls import Tls

CALLS_MIN = 100


@pytest.fixture(params=["plaintext", "TLS"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> Tls | None:
    return TestAuthority(tmp_path).tls("auth") if request.param == "TLS" else None


@pytest.fixture
async def replicas(tls: Tls | None) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two replicas that serve."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [listener.getsockname()[1] for listener in (one, other)]
    both = Replica(ports[0], tls), Replica(ports[1], tls)
    await asyncio.gather(*(replica.start() for replica in both))
    yield both
    await asyncio.gather(*(replica.stop() for replica in both))


@pytest.fixture
async def callers(replicas: tuple[Replica, Replica], tls: Tls | None) -> AsyncIterator[Callers]:
    """Who calls both replicas."""
    addresses = ",".join(f"127.0.0.1:{replica.port}" for replica in replicas)
    async with open_channel(f"ipv4:{addresses}", AUTH, tls) as channel:
        callers = Callers(channel)
        async with running(asyncio.create_task(callers.keep_calling())):
            await until(lambda: min(replica.servicer.calls for replica in replicas) > CALLS_MIN)
            yield callers


async def test_one_goes(replicas: tuple[Replica, Replica], callers: Callers) -> None:
    first, second = replicas
    await first.stop()
    at_the_end, calls = second.servicer.calls, first.servicer.calls
    await until(lambda: second.servicer.calls > at_the_end + CALLS_MIN)

    assert callers.failed == []
    assert first.servicer.calls == calls


async def test_one_goes_as_soon_as_the_other_is_back(replicas: tuple[Replica, Replica], callers: Callers) -> None:
    """By then callers wait between their tries to connect; were the wait long, they would know no replica at all."""
    first, second = replicas
    await first.stop()
    await asyncio.sleep(4 * RECONNECT_SECONDS_MAX)  # until the wait has grown as long as it gets
    await first.start()

    await second.stop()
    before = first.servicer.calls
    await until(lambda: first.servicer.calls > before + CALLS_MIN)

    assert callers.failed == []

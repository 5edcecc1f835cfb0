"""A service that gets a replica more, or one less, behind a name; with connections that do not grow old.

What it is with connections of production's age is measured by ``make test-scaling``.
"""

import socket
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from chassis.tests.replicas import until
from chassis.tests.scale_out import CALLS_MIN, FAIR_SHARE_LEAST, HOSTS, Scene, scale_out

CONNECTION_AGE_SECONDS = 2
"""What is under way then may take as long again; a busy machine may not lose it."""


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    with socket.create_server((HOSTS[0], 0)) as listener:
        port = listener.getsockname()[1]
    async with scale_out(port, CONNECTION_AGE_SECONDS, channels=2, pause_seconds=0.01) as scene:
        yield scene


async def test_a_new_replica_gets_its_share(scene: Scene) -> None:
    await scene.add_newcomer()
    await until(lambda: scene.newcomer.servicer.calls > CALLS_MIN)

    begin, calls = monotonic(), scene.newcomer.servicer.calls
    await until(lambda: scene.newcomer.servicer.calls > calls + CALLS_MIN)

    assert scene.fair_share(begin, monotonic()) > FAIR_SHARE_LEAST
    assert scene.failed == []


async def test_a_replica_that_leaves_gets_no_more_calls_and_fails_none(scene: Scene) -> None:
    await scene.add_newcomer()
    await until(lambda: scene.newcomer.servicer.calls > CALLS_MIN)
    leaving, staying, _ = scene.replicas

    await scene.remove(leaving)
    calls, others = leaving.servicer.calls, staying.servicer.calls
    await until(lambda: staying.servicer.calls > others + CALLS_MIN)

    assert leaving.servicer.calls == calls
    assert scene.failed == []


async def test_without_new_connections_a_new_replica_would_get_nothing() -> None:
    """Names are looked up when a connection ends, and only then: that is what their age is for."""
    with socket.create_server((HOSTS[0], 0)) as listener:
        port = listener.getsockname()[1]
    async with scale_out(port, connection_age_seconds=600, channels=1, pause_seconds=0.01) as scene:
        await scene.add_newcomer()
        known = scene.replicas[0].servicer
        calls = known.calls
        await until(lambda: known.calls > calls + 5 * CALLS_MIN)

        assert scene.newcomer.servicer.calls == 0

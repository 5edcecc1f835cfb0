"""How soon a third replica gets its share when connections are as old as in production: ``make test-scaling``.

More than a minute passes here, so this is no part of ``make test``: chassis/tests/test_scaling.py sees the same with
connections that live for seconds.
"""

import asyncio
import socket
import sys

import pytest

from chassis.config import Environment
from chassis.server import ServerConfig
from chassis.tests.scale_out import FAIR_SHARE_LEAST, HOSTS, fair_share_by_time, scale_out

SECONDS_MAX = 60
STEP_SECONDS = 5
CHANNELS = 4
CONNECTION_AGE_SECONDS = ServerConfig.read(Environment({}), 50051).connection_age_seconds
KEPT_SECONDS = 30.0
"""How long CoreDNS or NodeLocal DNSCache may keep an answer, where nobody has told them otherwise."""


@pytest.fixture(scope="module")
async def shares() -> dict[float, list[float]]:
    """By how long DNS is cached; both at the same time, as all of it is waiting."""
    kept = (0.0, KEPT_SECONDS)
    return dict(zip(kept, await asyncio.gather(*map(shares_by_time, kept)), strict=True))


def test_a_third_replica_gets_its_share_within_a_minute(shares: dict[float, list[float]]) -> None:
    assert min(shares[0.0][-3:]) >= FAIR_SHARE_LEAST


def test_a_third_replica_gets_its_share_within_a_minute_although_dns_is_cached(
    shares: dict[float, list[float]],
) -> None:
    assert shares[KEPT_SECONDS][-1] >= FAIR_SHARE_LEAST


async def shares_by_time(kept_seconds: float) -> list[float]:
    """What the third one gets from when it is ready on; then the first one leaves, and nobody notices."""
    with socket.create_server((HOSTS[0], 0)) as listener:
        port = listener.getsockname()[1]
    async with scale_out(
        port, CONNECTION_AGE_SECONDS, channels=CHANNELS, pause_seconds=0.05, kept_seconds=kept_seconds
    ) as scene:
        await asyncio.sleep(CONNECTION_AGE_SECONDS / 3)  # it comes when it comes, not when connections are new
        await scene.add_newcomer()
        shares = await fair_share_by_time(scene, SECONDS_MAX, STEP_SECONDS)
        await scene.remove(scene.replicas[0])
        await asyncio.sleep(STEP_SECONDS)

        assert scene.failed == []
    report(kept_seconds, shares)
    return shares


def report(kept_seconds: float, shares: list[float]) -> None:
    sys.stdout.write(f"\nconnections of {CONNECTION_AGE_SECONDS} s, DNS cached for {kept_seconds:.0f} s\n")
    for step, share in enumerate(shares, start=1):
        sys.stdout.write(
            f"{step * STEP_SECONDS - STEP_SECONDS:4} to {step * STEP_SECONDS:2} s: {share:4.0%} of its share\n"
        )

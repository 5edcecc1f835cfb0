"""Floods: what they cost a gateway in memory, and that others are answered meanwhile.

The gateway is a process of its own. Each flood is at its height, and held there, while another client's requests
are answered; then it is read how much memory the process had at most.
"""

import asyncio
import resource
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from gateway.protocol import HEAD_BYTES_MAX

HALF_OPEN = 2_000
CONNECTIONS_MAX = 3_000
DESCRIPTORS = CONNECTIONS_MAX + 500
PATIENCE_SECONDS = 120

GROWTH_KIB_MAX = 96 * 1024
"""What a flood may cost. Measured: 2,000 half-open connections 13 MiB, 200 bodies of 1 MB 21 MiB, and 1,000 bodies that
are almost there 76 MiB: 64 MiB of them are kept, the others are sent away."""

HALF_A_HEAD = b"GET /api/inventory HTTP/1.1\r\nhost: x\r\nx-slow: "
A_LARGE_BODY = (
    b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n"
)
A_SLOW_BODY = A_LARGE_BODY.replace(b"1000000", b"262144")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@dataclass
class Flooded:
    """The gateway, and what floods it."""

    url: str
    pid: int
    resting_kib: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    readers: list[asyncio.StreamReader] = field(default_factory=list)

    async def open(self, count: int, *parts: bytes) -> None:
        """So many connections, each of which sends these bytes and then no more."""
        for _ in range(count):
            reader, writer = await self.connect()
            self.readers.append(reader)
            self.writers.append(writer)
            for part in parts:
                if not writer.is_closing():
                    writer.write(part)
                    await self.drained(writer)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.url.removeprefix("http://").split(":")
        return await asyncio.open_connection(host, int(port))

    async def drained(self, writer: asyncio.StreamWriter) -> None:
        """Whoever floods does not care whether it is still listened to."""
        with suppress(ConnectionError):
            await asyncio.wait_for(writer.drain(), PATIENCE_SECONDS)

    def memory_kib(self) -> int:
        """The most that it had at any time."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

    @property
    def growth_kib(self) -> int:
        return self.memory_kib() - self.resting_kib

    async def answers_others(self) -> bool:
        """Whether ten more clients get what they ask for, each on a connection of its own."""
        for _ in range(10):
            async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS) as client:
                answers = [await client.get("/api/inventory"), await client.post("/api/auth/login", json={})]
                if [answer.status_code for answer in answers] != [200, 200]:
                    return False
        return True


@asynccontextmanager
async def running_gateway() -> AsyncIterator[Flooded]:
    command = ("-m", "gateway.tests.flooded", str(CONNECTIONS_MAX))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).decode().strip()
        flooded = Flooded(url, process.pid)
        assert await flooded.answers_others()  # everything that is made when it is first used is there
        flooded.resting_kib = flooded.memory_kib()
        yield flooded
        for writer in flooded.writers:
            writer.close()
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(scope="module", autouse=True)
def descriptors() -> None:
    """Files enough for the flood's own ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))


@pytest.fixture
async def flooded() -> AsyncIterator[Flooded]:
    async with running_gateway() as flooded:
        yield flooded


async def test_two_thousand_half_open_connections(flooded: Flooded) -> None:
    await flooded.open(HALF_OPEN // 2)
    await flooded.open(HALF_OPEN // 2, HALF_A_HEAD)

    assert await flooded.answers_others()
    assert flooded.growth_kib < GROWTH_KIB_MAX


@pytest.mark.parametrize("sent", [HALF_A_HEAD, A_SLOW_BODY], ids=["heads", "bodies"])
async def test_more_connections_than_there_may_be(flooded: Flooded, sent: bytes) -> None:
    for _ in range(2 * CONNECTIONS_MAX):
        _, writer = await flooded.connect()
        writer.write(sent)
        flooded.writers.append(writer)
        if len(flooded.writers) > CONNECTIONS_MAX:
            flooded.writers.pop(0).close()

    assert await flooded.answers_others()
    assert flooded.growth_kib < GROWTH_KIB_MAX


async def test_a_flood_of_headers(flooded: Flooded) -> None:
    await flooded.open(500, HALF_A_HEAD, *[b"y" * HEAD_BYTES_MAX] * 20)

    assert await flooded.answers_others()
    assert flooded.growth_kib < GROWTH_KIB_MAX


async def test_large_bodies_at_once(flooded: Flooded) -> None:
    await flooded.open(200, A_LARGE_BODY, *[b" " * 100_000] * 10)

    assert await flooded.answers_others()
    assert flooded.growth_kib < GROWTH_KIB_MAX
    statuses = {(await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS))[:12] for reader in flooded.readers}
    assert statuses == {b"HTTP/1.1 413"}


async def test_bodies_that_are_almost_there(flooded: Flooded) -> None:
    await flooded.open(1_000, A_SLOW_BODY, b" " * 200_000)

    assert await flooded.answers_others()
    assert flooded.growth_kib < GROWTH_KIB_MAX

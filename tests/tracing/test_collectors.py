"""Collectors that are there, away, or hang: the mesh minds none of it."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from chassis.config import ConfigError
from chassis.exported_spans import FLUSH_SECONDS_MAX, SPANS_AT_ONCE_MAX, SPANS_WAITING_MAX
from chassis.process import EXIT_CONFIGURATION
from chassis.tracing import Kind, TracingConfig, open_tracer
from deploy.local.environments import python_environment
from deploy.local.ports import HOST, free_ports
from tests.tracing.collector import Collector, open_collector
from tests.tracing.spans import trees

PATIENCE_SECONDS = 30.0
SLACK_SECONDS = 5.0
"""What a busy machine may add; a stop that waited for the exporter would take ten."""

REQUESTS = 100


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with open_collector() as collector:
        yield collector


@pytest.fixture
async def hanging() -> AsyncIterator[Collector]:
    async with open_collector(hangs=True) as collector:
        yield collector


def away() -> str:
    return f"http://{HOST}:{free_ports(['collector'])['collector']}"


async def test_the_last_spans_come_when_the_process_stops(collector: Collector) -> None:
    async with open_tracer(TracingConfig("orders", collector.endpoint)) as tracer:
        span = tracer.begin("work", Kind.SERVER, "", {})
        assert span is not None
        span.child("part", Kind.CLIENT, {}).end()
        span.end()

    assert trees(collector.spans()) == [("orders SERVER work", [("orders CLIENT part", [])])]


async def test_spans_are_sent_while_the_process_runs(collector: Collector) -> None:
    async with open_tracer(TracingConfig("orders", collector.endpoint)) as tracer, asyncio.timeout(PATIENCE_SECONDS):
        span = tracer.begin("work", Kind.SERVER, "", {})
        assert span is not None
        span.end()
        await collector.until_asked()


async def test_a_collector_that_hangs_holds_up_nothing_and_fills_nothing(
    hanging: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with open_tracer(TracingConfig("orders", hanging.endpoint)) as tracer:
        for _ in range(SPANS_WAITING_MAX + 2 * SPANS_AT_ONCE_MAX):
            span = tracer.begin("work", Kind.SERVER, "", {})
            assert span is not None
            span.end()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await hanging.until_asked()
        begun = monotonic()

    assert monotonic() - begun < FLUSH_SECONDS_MAX + SLACK_SECONDS
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"the last spans are lost: they did not arrive within {FLUSH_SECONDS_MAX} s"
    ]


async def test_a_collector_that_is_away_is_told_of_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    begun = monotonic()
    async with open_tracer(TracingConfig("orders", away())) as tracer:
        for _ in range(10 * SPANS_AT_ONCE_MAX):
            span = tracer.begin("work", Kind.SERVER, "", {})
            assert span is not None
            span.end()

    assert monotonic() - begun < FLUSH_SECONDS_MAX + SLACK_SECONDS
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) <= 2


@pytest.mark.parametrize("key", ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"])
async def test_a_key_of_the_sdks_own_that_is_wrong_stops_the_start(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(key, "soon")

    with pytest.raises(ConfigError, match="OTEL_"):
        async with open_tracer(TracingConfig("orders", away())):
            pass


class Running:
    """A gateway with no services behind it, as a process."""

    def __init__(self, directory: Path, endpoint: str) -> None:
        self.port = free_ports(["gateway"])["gateway"]
        self._directory = directory
        self._endpoint = endpoint
        self.begun = monotonic()

    async def start(self) -> None:
        environment = python_environment(os.environ) | {
            "LISTEN_HOST": HOST,
            "PORT": str(self.port),
            "SERVICE_CLIENT_ID": "gateway",
            "SERVICE_CLIENT_SECRET": "s" * 32,
            "LOG_LEVEL": "warning",
            "LAME_DUCK_SECONDS": "0.01",
            **{f"{name}_ADDR": f"ipv4:{HOST}:1" for name in ("AUTH", "ORDERS", "INVENTORY", "NOTIFIER")},
            **({"OTEL_EXPORTER_OTLP_ENDPOINT": self._endpoint} if self._endpoint else {}),
        }
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway"), cwd=self._directory, env=environment, stderr=asyncio.subprocess.PIPE
        )
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{self.port}", trust_env=False) as http:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await self._answers(http):
                    await asyncio.sleep(0.05)
            statuses = {(await http.get("/api/nothing")).status_code for _ in range(REQUESTS)}
        assert statuses == {404}

    async def stop(self) -> tuple[int, float, list[str]]:
        """Its exit code, how long it took, and its log."""
        begun = monotonic()
        self._process.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(self._process.communicate(), PATIENCE_SECONDS)
        assert self._process.returncode is not None
        return self._process.returncode, monotonic() - begun, log.decode().splitlines()

    @staticmethod
    async def _answers(http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get("/healthz")).status_code == 200
        except httpx.TransportError:
            return False


async def test_a_process_whose_collector_is_away_or_hangs_answers_and_stops_as_any_other(
    tmp_path: Path, hanging: Collector, collector: Collector
) -> None:
    endpoints = ["", collector.endpoint, away(), hanging.endpoint]
    processes = [Running(tmp_path, endpoint) for endpoint in endpoints]
    await asyncio.gather(*(process.start() for process in processes))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await hanging.until_asked()

    stopped = [await process.stop() for process in processes]

    untraced_seconds = stopped[0][1]
    assert [code for code, _, _ in stopped] == [0] * len(processes)
    assert max(seconds for _, seconds, _ in stopped) < untraced_seconds + FLUSH_SECONDS_MAX + SLACK_SECONDS
    assert [len([line for line in log if "spans" in line]) for _, _, log in stopped[:2]] == [0, 0]
    assert max(len([line for line in log if "spans" in line]) for _, _, log in stopped) <= 2
    assert not [line for _, _, log in stopped for line in log if "Traceback" in line]
    assert len(collector.spans()) == REQUESTS  # and none of a probe


async def test_a_key_that_is_wrong_stops_a_process_and_is_named(tmp_path: Path) -> None:
    environment = python_environment(os.environ) | {"OTEL_TRACES_SAMPLER": "sometimes"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway"), cwd=tmp_path, env=environment, stderr=asyncio.subprocess.PIPE
    )

    _, log = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    assert process.returncode == EXIT_CONFIGURATION
    assert b"OTEL_TRACES_SAMPLER must be one of" in log

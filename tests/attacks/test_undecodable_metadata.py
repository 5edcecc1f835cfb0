"""Metadata in bytes that are no text: no client of grpc sends it, and anybody can."""

import asyncio
import io
import logging
import sys
from collections.abc import Iterator

import pytest

from chassis.logs import configure_logging
from tests.attacks import raw_http2
from tests.attacks.conftest import PUBLIC, USER, Door


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process would write to standard error, instead of what pytest collects."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("info", "json")
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


async def line_of_the_call(log: io.StringIO) -> str:
    """All that is written until the call has its line, which comes behind its answer."""
    async with asyncio.timeout(10):
        while '"message": "rpc"' not in log.getvalue():
            await asyncio.sleep(0)
    return log.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer hunter2\xff\xfe",
        b"Bearer hunter2\xc3\xa9",
        b"Bearer hunter2\x80",
        b"Bearer hunter2\0",
        b"Bearer hunter2\nBearer hunter2",
        b"Bearer hunter2\x7f",
    ],
)
async def test_it_is_no_token_and_is_not_written_down(door: Door, log: io.StringIO, value: bytes) -> None:
    answer = await raw_http2.call(door.address, USER, (b"authorization", value))

    written = await line_of_the_call(log)
    assert raw_http2.UNAUTHENTICATED in answer
    assert b"hunter2" not in answer
    assert door.let_in == []
    assert "hunter2" not in written
    assert "Traceback" not in written
    assert written.count("\n") == 1
    assert '"code": "UNAUTHENTICATED"' in written


async def test_it_does_no_harm_where_nobody_reads_it(door: Door, log: io.StringIO) -> None:
    answer = await raw_http2.call(door.address, PUBLIC, (b"x-anything", b"hunter2\xff"), (b"x-request-id", b"\xff"))

    written = await line_of_the_call(log)
    assert b"grpc-status\x010" in answer
    assert door.let_in == [None]
    assert "hunter2" not in written
    assert written.count("\n") == 1

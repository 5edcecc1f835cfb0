"""A chain of calls: each hop has less time than the one before, and nobody works for a caller who is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from chassis.channels import HOP_SECONDS, call, open_channel
from chassis.errors import DeadlineExceeded
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.tests.part_of_auth import PartOfAuth
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1 import auth_service_pb2_grpc as pb_grpc

AUTH = pb.DESCRIPTOR.services_by_name["AuthService"]
HOPS = 3
PATIENCE_SECONDS = 5.0


class Hop(PartOfAuth):
    """Asks the next one; the last one never answers."""

    def __init__(self, following: Any) -> None:
        self._following = following
        self.seconds_left = 0.0
        self.begun, self.stopped = asyncio.Event(), asyncio.Event()

    async def GetJsonWebKeySet(self, request: Any, context: Any) -> pb.JsonWebKeySet:
        self.seconds_left = context.time_remaining()
        self.begun.set()
        try:
            return await self._ask(request)
        except grpc.aio.AioRpcError as error:
            raise DeadlineExceeded("the next hop did not answer") from error
        finally:
            self.stopped.set()

    async def _ask(self, request: pb.GetJsonWebKeySetRequest) -> pb.JsonWebKeySet:
        if self._following is None:
            await asyncio.Event().wait()
        answer: pb.JsonWebKeySet = await call(self._following.GetJsonWebKeySet, request)
        return answer


@pytest.fixture
async def chain() -> AsyncIterator[tuple[list[Hop], Any]]:
    """The hops, first one first, and a stub of the first."""
    async with AsyncExitStack() as stack:
        hops: list[Hop] = []
        stub: Any = None
        for _ in range(HOPS):
            hops.insert(0, Hop(stub))
            application = Application(services=[_service(hops[0])], verifier=TestIssuer().verifier)
            port = await stack.enter_async_context(running_server(TEST_SERVER, application, "127.0.0.1:0"))
            channel = await stack.enter_async_context(open_channel(f"dns:///127.0.0.1:{port}", AUTH))
            stub = pb_grpc.AuthServiceStub(channel)
        yield hops, stub


def _service(hop: Hop) -> Service:
    return Service(AUTH, lambda server: pb_grpc.add_AuthServiceServicer_to_server(hop, server))


async def all_stopped(hops: list[Hop]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        for hop in hops:
            await hop.stopped.wait()


async def test_each_hop_has_less_time_and_all_stop_when_it_is_over(chain: tuple[list[Hop], Any]) -> None:
    hops, stub = chain

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(stub.GetJsonWebKeySet, pb.GetJsonWebKeySetRequest(), timeout_seconds=1.0)

    await all_stopped(hops)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    first, second, third = (hop.seconds_left for hop in hops)
    assert first <= 1.0
    assert second <= first - HOP_SECONDS
    assert 0 < third <= second - HOP_SECONDS


async def test_a_caller_who_leaves_stops_the_work_of_every_hop(chain: tuple[list[Hop], Any]) -> None:
    hops, stub = chain
    waiting = asyncio.create_task(call(stub.GetJsonWebKeySet, pb.GetJsonWebKeySetRequest()))
    await asyncio.wait_for(hops[-1].begun.wait(), PATIENCE_SECONDS)

    waiting.cancel()

    await all_stopped(hops)

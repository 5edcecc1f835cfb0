"""Too much at once: refused quickly, with a word on when to come back, while health is still answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.channels import call, open_channel
from chassis.errors import RETRY_SECONDS_DEFAULT, Unavailable, read_details
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.tests.part_of_auth import PartOfAuth
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1 import auth_service_pb2_grpc as pb_grpc

AUTH = pb.DESCRIPTOR.services_by_name["AuthService"]
CALLS_MAX = 3
SOON_SECONDS = 2.0
TRIES_MAX = 3
REPEATED_MAX = 50
"""How many calls are repeated before a service that does not come back is left alone."""


class Auth(PartOfAuth):
    """Registers when it is let, and gives its keys unless it is down."""

    def __init__(self) -> None:
        self.let, self.is_down, self.calls = asyncio.Event(), False, 0

    async def Register(self, request: Any, context: Any) -> pb.User:
        self.calls += 1
        await self.let.wait()
        return pb.User()

    async def GetJsonWebKeySet(self, request: Any, context: Any) -> pb.JsonWebKeySet:
        self.calls += 1
        if self.is_down:
            raise Unavailable("not now")
        return pb.JsonWebKeySet()


@pytest.fixture
def auth() -> Auth:
    return Auth()


@asynccontextmanager
async def channel_to(auth: Auth, calls_max: int) -> AsyncIterator[grpc.aio.Channel]:
    """The gateway's kind of channel, to a server that takes so many calls at once."""
    service = Service(AUTH, lambda server: pb_grpc.add_AuthServiceServicer_to_server(auth, server))
    application = Application(services=[service], verifier=TestIssuer().verifier)
    config = replace(TEST_SERVER, concurrent_calls_max=calls_max)
    async with (
        running_server(config, application, "127.0.0.1:0") as port,
        open_channel(f"dns:///127.0.0.1:{port}", AUTH, retries=True) as channel,
    ):
        yield channel


async def test_more_calls_than_a_server_takes_are_refused_at_once_and_health_is_answered(auth: Auth) -> None:
    async with channel_to(auth, CALLS_MAX) as channel:
        stub = pb_grpc.AuthServiceStub(channel)
        health: Any = health_pb2_grpc.HealthStub(channel)
        calls = [asyncio.create_task(call(stub.Register, pb.RegisterRequest())) for _ in range(CALLS_MAX + 5)]
        async with asyncio.timeout(SOON_SECONDS):
            errors = [await refusal(calls) for _ in range(5)]
            answer = await health.Check(health_pb2.HealthCheckRequest(service=AUTH.full_name))
        auth.let.set()
        answered = await asyncio.gather(*calls)
        again = await call(stub.Register, pb.RegisterRequest())

    told = {(e.code(), read_details(e).reason, read_details(e).retry_after_seconds) for e in errors}
    assert told == {(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", RETRY_SECONDS_DEFAULT)}
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert (len(answered), auth.calls) == (CALLS_MAX, CALLS_MAX + 1)
    assert again == pb.User()


async def refusal(calls: "list[asyncio.Task[pb.User]]") -> grpc.aio.AioRpcError:
    """The error of the first of ``calls`` that is refused; it is taken out of them."""
    done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    refused = done.pop()
    calls.remove(refused)
    error = refused.exception()
    assert isinstance(error, grpc.aio.AioRpcError)
    return error


async def test_while_most_calls_fail_nothing_is_repeated(auth: Auth) -> None:
    async with channel_to(auth, TEST_SERVER.concurrent_calls_max) as channel:
        stub = pb_grpc.AuthServiceStub(channel)

        async def calls_made(asked: int) -> int:
            before = auth.calls
            wanted = (call(stub.GetJsonWebKeySet, pb.GetJsonWebKeySetRequest()) for _ in range(asked))
            await asyncio.gather(*wanted, return_exceptions=True)
            return auth.calls - before

        auth.is_down = True
        one = await calls_made(1)
        many = await calls_made(200)
        while_it_is_down = await calls_made(200)
        auth.is_down = False
        for _ in range(6):
            await calls_made(200)
        auth.is_down = True
        when_it_had_been_back = await calls_made(1)

    assert one == when_it_had_been_back == TRIES_MAX
    assert 200 < many <= 200 + REPEATED_MAX
    assert while_it_is_down == 200

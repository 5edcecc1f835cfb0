"""Calls to other services: what they carry, and when they are repeated."""

import asyncio
from typing import Any

import grpc
import pytest
from prometheus_client import REGISTRY

from chassis.call import Call, begin_call, caller
from chassis.channels import call, open_channel
from chassis.errors import DeadlineExceeded, Unavailable
from chassis.mesh import RemoteKeys
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.tests.part_of_auth import PartOfAuth
from ordermesh.auth.v1 import auth_service_pb2 as pb
from ordermesh.auth.v1 import auth_service_pb2_grpc as pb_grpc

AUTH = pb.DESCRIPTOR.services_by_name["AuthService"]


class Moody(PartOfAuth):
    """Fails a few times, counts, and remembers what calls carried."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.calls = 0
        self.metadata: dict[str, Any] = {}
        self.remaining: float | None = None

    async def GetJsonWebKeySet(self, request: Any, context: Any) -> pb.JsonWebKeySet:
        self._serve(context)
        return pb.JsonWebKeySet()

    async def Register(self, request: Any, context: Any) -> pb.User:
        self._serve(context)
        return pb.User()

    async def GetCurrentUser(self, request: Any, context: Any) -> pb.User:
        self._serve(context)
        return pb.User(user_id=caller().subject)

    def _serve(self, context: Any) -> None:
        self.calls += 1
        self.metadata = dict(context.invocation_metadata())
        self.remaining = context.time_remaining()
        if self.calls <= self.failures:
            raise Unavailable("not now")


def application(servicer: Moody, issuer: TestIssuer) -> Application:
    service = Service(AUTH, lambda server: pb_grpc.add_AuthServiceServicer_to_server(servicer, server))
    return Application(services=[service], verifier=issuer.verifier)


async def test_only_what_may_be_repeated_is_repeated() -> None:
    servicer = Moody(failures=2)
    async with (
        running_server(TEST_SERVER, application(servicer, TestIssuer()), "127.0.0.1:0") as port,
        open_channel(f"dns:///127.0.0.1:{port}", AUTH, retries=True) as channel,
    ):
        stub = pb_grpc.AuthServiceStub(channel)
        await call(stub.GetJsonWebKeySet, pb.GetJsonWebKeySetRequest())
        repeated, servicer.calls = servicer.calls, 0

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(stub.Register, pb.RegisterRequest())

    assert repeated == 3
    assert (caught.value.code(), servicer.calls) == (grpc.StatusCode.UNAVAILABLE, 1)


async def test_one_layer_repeats_and_not_every_hop() -> None:
    servicer = Moody(failures=1)
    async with (
        running_server(TEST_SERVER, application(servicer, TestIssuer()), "127.0.0.1:0") as port,
        open_channel(f"dns:///127.0.0.1:{port}", AUTH) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await call(pb_grpc.AuthServiceStub(channel).GetJsonWebKeySet, pb.GetJsonWebKeySetRequest())

    assert servicer.calls == 1


async def test_a_call_carries_what_belongs_to_its_request() -> None:
    servicer, issuer = Moody(), TestIssuer()
    async with (
        running_server(TEST_SERVER, application(servicer, issuer), "127.0.0.1:0") as port,
        open_channel(f"dns:///127.0.0.1:{port}", AUTH) as channel,
    ):
        stub = pb_grpc.AuthServiceStub(channel)

        async def serve_a_request() -> pb.User:
            deadline = asyncio.get_running_loop().time() + 2.0
            begin_call(Call("request-7", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", deadline))
            user: pb.User = await call(
                stub.GetCurrentUser, pb.GetCurrentUserRequest(), authorization=issuer.user("ada")
            )
            return user

        user = await asyncio.create_task(serve_a_request())

    assert user.user_id == "ada"
    assert servicer.metadata["x-request-id"] == "request-7"
    assert servicer.metadata["traceparent"].startswith("00-aaaa")
    assert servicer.remaining is not None
    assert 0 < servicer.remaining < 2.0


async def test_nobody_is_asked_when_no_time_is_left() -> None:
    async def late() -> None:
        begin_call(Call("request-7", "", asyncio.get_running_loop().time() + 0.01))
        async with open_channel("dns:///127.0.0.1:1", AUTH) as channel:
            await call(pb_grpc.AuthServiceStub(channel).Register, pb.RegisterRequest())

    with pytest.raises(DeadlineExceeded):
        await asyncio.create_task(late())


async def test_keys_are_kept_when_auth_is_down() -> None:
    servicer = Moody()
    async with open_channel("dns:///127.0.0.1:1", AUTH) as channel:
        keys = RemoteKeys(pb_grpc.AuthServiceStub(channel))

        assert await keys.key("unknown") is None
    assert servicer.calls == 0


def counted(code: str) -> float:
    method = {"grpc_type": "unary", "grpc_service": AUTH.full_name, "grpc_method": "GetJsonWebKeySet"}
    return REGISTRY.get_sample_value("grpc_client_handled_total", {**method, "grpc_code": code}) or 0.0


async def test_a_call_is_counted_as_its_caller_saw_it() -> None:
    servicer, codes = Moody(failures=1), ("UNAVAILABLE", "OK", "CANCELLED")
    before = [counted(code) for code in codes]
    async with (
        running_server(TEST_SERVER, application(servicer, TestIssuer()), "127.0.0.1:0") as port,
        open_channel(f"dns:///127.0.0.1:{port}", AUTH) as channel,
    ):
        stub = pb_grpc.AuthServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await call(stub.GetJsonWebKeySet, pb.GetJsonWebKeySetRequest())
        await call(stub.GetJsonWebKeySet, pb.GetJsonWebKeySetRequest())
        leaving = asyncio.ensure_future(call(stub.GetJsonWebKeySet, pb.GetJsonWebKeySetRequest()))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])

    assert [counted(code) for code in codes] == [count + 1 for count in before]

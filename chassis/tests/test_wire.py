"""The full chain of layers, through a real server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from pymongo.errors import ConfigurationError, ServerSelectionTimeoutError

from chassis import errors
from chassis.call import caller
from chassis.server import Service
from chassis.testing import TestIssuer, bearer, logged_calls, served
from chassis.tests.part_of_auth import PartOfAuth
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1 import auth_service_pb2_grpc as auth_grpc
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory_pb2
from ordermesh.inventory.v1 import inventory_service_pb2_grpc as inventory_grpc


class Scripted(PartOfAuth):
    """Answers Register by running what a test put there."""

    def __init__(self) -> None:
        self.script: Callable[[], Any] = lambda: None

    async def Register(self, request: auth_pb2.RegisterRequest, context: Any) -> auth_pb2.User:
        result = self.script()
        if asyncio.iscoroutine(result):
            await result
        return auth_pb2.User(user_id="u-1")

    async def GetCurrentUser(self, request: auth_pb2.GetCurrentUserRequest, context: Any) -> auth_pb2.User:
        return auth_pb2.User(user_id=caller().subject, email=caller().email)


class Shelf(inventory_grpc.InventoryServiceServicer):
    """Answers one method for services and one for admins."""

    async def ReserveStock(self, request: Any, context: Any) -> inventory_pb2.ReserveStockResponse:
        return inventory_pb2.ReserveStockResponse(created=True)

    async def GetReservation(self, request: Any, context: Any) -> inventory_pb2.Reservation:
        return inventory_pb2.Reservation(order_id="o-1")

    async def ListItems(self, request: Any, context: Any) -> Any: ...
    async def GetItem(self, request: Any, context: Any) -> Any: ...
    async def CreateItem(self, request: Any, context: Any) -> Any: ...
    async def UpdateItem(self, request: Any, context: Any) -> Any: ...
    async def AdjustStock(self, request: Any, context: Any) -> Any: ...
    async def CommitReservation(self, request: Any, context: Any) -> Any: ...
    async def ReleaseReservation(self, request: Any, context: Any) -> Any: ...


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def channel(issuer: TestIssuer, scripted: Scripted) -> AsyncIterator[grpc.aio.Channel]:
    auth = Service(
        auth_pb2.DESCRIPTOR.services_by_name["AuthService"],
        lambda server: auth_grpc.add_AuthServiceServicer_to_server(scripted, server),
    )
    inventory = Service(
        inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"],
        lambda server: inventory_grpc.add_InventoryServiceServicer_to_server(Shelf(), server),
    )
    async with served(auth, inventory, issuer=issuer) as channel:
        yield channel


async def register(channel: grpc.aio.Channel, **kwargs: Any) -> auth_pb2.User:
    return await auth_grpc.AuthServiceStub(channel).Register(auth_pb2.RegisterRequest(), **kwargs)


def raiser(error: Exception) -> Callable[[], None]:
    def script() -> None:
        raise error

    return script


def details_of(error: grpc.aio.AioRpcError, kind: Any) -> list[Any]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # it only reads the trailing metadata
    assert status is not None
    found = []
    for detail in status.details:
        if detail.Is(kind.DESCRIPTOR):
            message = kind()
            detail.Unpack(message)
            found.append(message)
    return found


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidArgument([errors.Violation("a", "is wrong")]), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.Unauthenticated("who?"), grpc.StatusCode.UNAUTHENTICATED),
        (errors.PermissionDenied("no"), grpc.StatusCode.PERMISSION_DENIED),
        (errors.NotFound("nowhere"), grpc.StatusCode.NOT_FOUND),
        (errors.AlreadyExists("twice"), grpc.StatusCode.ALREADY_EXISTS),
        (errors.FailedPrecondition("not now"), grpc.StatusCode.FAILED_PRECONDITION),
        (errors.ResourceExhausted("too much"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (errors.Unavailable("down"), grpc.StatusCode.UNAVAILABLE),
        (errors.DeadlineExceeded("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
async def test_each_domain_error_leaves_with_its_code_and_exactly_one_error_info(
    channel: grpc.aio.Channel, scripted: Scripted, error: errors.DomainError, code: grpc.StatusCode
) -> None:
    error.metadata["sku"] = "LAMP"
    scripted.script = raiser(error)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await register(channel)

    assert caught.value.code() == code
    assert caught.value.details() == error.message
    (info,) = details_of(caught.value, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain, dict(info.metadata)) == (error.reason, "ordermesh", error.metadata)


async def test_every_violation_is_said_at_once(channel: grpc.aio.Channel, scripted: Scripted) -> None:
    violations = [errors.Violation("items[0].sku", "is empty"), errors.Violation("items[1].quantity", "is 0")]
    scripted.script = raiser(errors.InvalidArgument(violations))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await register(channel)

    assert errors.read_details(caught.value).violations == tuple(violations)


async def test_throttling_says_when_to_come_back(channel: grpc.aio.Channel, scripted: Scripted) -> None:
    scripted.script = raiser(errors.ResourceExhausted("too much", retry_after_seconds=2.5))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await register(channel)

    assert errors.read_details(caught.value).retry_after_seconds == 2.5


async def test_an_unknown_exception_tells_the_caller_nothing(channel: grpc.aio.Channel, scripted: Scripted) -> None:
    scripted.script = raiser(RuntimeError("mongodb://root:hunter2@db"))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await register(channel)

    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert caught.value.details() == "internal error"
    assert errors.read_details(caught.value).reason == "INTERNAL"


@pytest.mark.parametrize(
    "error",
    [
        ServerSelectionTimeoutError("db-1:27017 refused"),
        ConfigurationError("Sessions are not supported by this MongoDB deployment"),
    ],
    ids=["it is not there", "it has just been started"],
)
async def test_a_database_that_is_down_is_unavailable(
    channel: grpc.aio.Channel, scripted: Scripted, error: Exception
) -> None:
    scripted.script = raiser(error)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await register(channel)

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert caught.value.details() == "the database does not answer"


async def test_a_client_deadline_stops_the_work(channel: grpc.aio.Channel, scripted: Scripted) -> None:
    begun = asyncio.Event()
    stopped = asyncio.Event()

    async def forever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    scripted.script = forever

    while not begun.is_set():  # on a busy machine the time of a first try can end before its work begins
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await register(channel, timeout=0.1)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED

    await asyncio.wait_for(stopped.wait(), 5)


async def test_a_user_method_knows_its_caller(channel: grpc.aio.Channel, issuer: TestIssuer) -> None:
    stub = auth_grpc.AuthServiceStub(channel)

    user = await stub.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=bearer(issuer.user("ada")))

    assert (user.user_id, user.email) == ("ada", "ada@example.com")


@pytest.mark.parametrize(
    ("method", "token", "code", "reason"),
    [
        ("GetCurrentUser", "", grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"),
        ("GetCurrentUser", "nonsense", grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"),
        ("GetCurrentUser", "service:orders", grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"),
        ("GetReservation", "user:ada", grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED"),
        ("GetReservation", "service:orders", grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"),
        ("GetReservation", "admin:root", None, ""),
        ("ReserveStock", "", grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"),
        ("ReserveStock", "admin:root", grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"),
        ("ReserveStock", "service:notifier", grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"),
        ("ReserveStock", "service:orders", None, ""),
        ("Register", "nonsense", None, ""),
    ],
)
async def test_the_declared_access_is_kept(
    channel: grpc.aio.Channel,
    issuer: TestIssuer,
    method: str,
    token: str,
    code: grpc.StatusCode | None,
    reason: str,
) -> None:
    kind, _, name = token.partition(":")
    signed = getattr(issuer, kind)(name) if name else token
    auth_stub, inventory_stub = auth_grpc.AuthServiceStub(channel), inventory_grpc.InventoryServiceStub(channel)
    calls: dict[str, Any] = {
        "GetCurrentUser": (auth_stub.GetCurrentUser, auth_pb2.GetCurrentUserRequest()),
        "Register": (auth_stub.Register, auth_pb2.RegisterRequest()),
        "GetReservation": (inventory_stub.GetReservation, inventory_pb2.GetReservationRequest()),
        "ReserveStock": (inventory_stub.ReserveStock, inventory_pb2.ReserveStockRequest()),
    }
    rpc, request = calls[method]

    answer: Any = rpc(request, metadata=bearer(signed) if signed else ())

    if code is None:
        assert await answer is not None
    else:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answer
        assert caught.value.code() == code
        assert errors.read_details(caught.value).reason == reason


def raw(channel: grpc.aio.Channel, method: str) -> Any:
    """A method that is called with bytes, as by a client that is not ours."""
    channel_: Any = channel
    return channel_.unary_unary(f"/ordermesh.auth.v1.AuthService/{method}")


@pytest.mark.parametrize("request_", [b"\x0a\xff", b"\xff" * 9, b"\x0a\x02\xff\xfe"], ids=["cut", "tag", "not UTF-8"])
async def test_what_is_no_message_is_the_callers_mistake_and_is_logged(
    channel: grpc.aio.Channel, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ordermesh.rpc")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(channel, "Register")(request_)

    told = errors.read_details(caught.value)
    assert (caught.value.code(), told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert told.violations == (errors.Violation("request", "is not a message of this method"),)
    (line,) = await logged_calls(caplog.records, 1)
    assert (line["method"], line["code"]) == ("/ordermesh.auth.v1.AuthService/Register", "INVALID_ARGUMENT")


async def test_what_is_no_message_is_not_even_read_from_nobody(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(channel, "GetCurrentUser")(b"\x0a\xff")

    assert errors.read_details(caught.value).reason == "TOKEN_MISSING"


async def test_health_is_known_by_service(channel: grpc.aio.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)

    answer = await stub.Check(health_pb2.HealthCheckRequest(service="ordermesh.auth.v1.AuthService"))

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_services(channel: grpc.aio.Channel) -> None:
    channel_: Any = channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel_)
    stream = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))

    answer = await stream.read()

    names = {service.name for service in answer.list_services_response.service}
    assert {"ordermesh.auth.v1.AuthService", "ordermesh.inventory.v1.InventoryService"} <= names


async def test_more_than_fits_into_a_trailer_is_counted(channel: grpc.aio.Channel, scripted: Scripted) -> None:
    """100 lines can be wrong in two ways each; a client with grpc's default limits must still hear it."""
    violations = [errors.Violation(f"items[{n}].quantity", "must be 1 to 10,000" * 3) for n in range(200)]
    scripted.script = raiser(errors.InvalidArgument(violations))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await register(channel)

    told = errors.read_details(caught.value).violations
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert told[:-1] == tuple(violations[: len(told) - 1])
    assert told[-1].field == "and_more"
    assert told[-1].description == f"{200 - len(told) + 1} more fields are wrong"


async def test_metadata_that_does_not_fit_is_counted(channel: grpc.aio.Channel, scripted: Scripted) -> None:
    metadata = {f"{n:064}": "1000000000" for n in range(100)}
    scripted.script = raiser(errors.FailedPrecondition("; ".join(metadata), metadata))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await register(channel)

    told = errors.read_details(caught.value).metadata
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert int(told["and_more"]) + len(told) - 1 == 100

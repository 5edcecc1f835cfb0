"""Orders over the wire: what its answers and errors mean to the notifier."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import grpc
import pytest

from chassis import errors
from chassis.call import Call, calling
from chassis.channels import open_channel
from chassis.server import Application, Server
from chassis.testing import TEST_SERVER, TestIssuer
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.notifier.errors import Dependency, DependencyDown, DependencyFailed, OrderRefused
from services.notifier.grpc_orders import GrpcOrders
from services.notifier.money import Money
from services.notifier.notification import Kind
from services.notifier.order import Item
from services.notifier.tests.neighbours import Orders, Token, neighbour_address, order_message, orders_service

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVICE = pb.DESCRIPTOR.services_by_name["OrderService"]
PATIENCE_SECONDS = 20.0


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture
def token(issuer: TestIssuer) -> Token:
    return Token(issuer)


@pytest.fixture
def remote() -> Orders:
    remote = Orders()
    remote.orders["o-1"] = order_message("o-1", pb.Order.PROCESSED)
    return remote


@pytest.fixture
async def orders(issuer: TestIssuer, token: Token, remote: Orders) -> AsyncIterator[GrpcOrders]:
    async with (
        neighbour_address(orders_service(remote), issuer) as address,
        open_channel(address, SERVICE) as channel,
    ):
        yield GrpcOrders(channel, token)


async def test_an_order_that_ended_is_answered_with_its_recipient(orders: GrpcOrders, remote: Orders) -> None:
    order = await orders.process("o-1")

    assert (order.order_id, order.recipient, order.outcome) == ("o-1", "ada@example.com", Kind.PROCESSED)
    assert order.items == [Item("Blue mug", 3, Money("EUR", 1_250))]
    assert order.total == Money("EUR", 3_750)
    assert [identity.subject for identity in remote.callers] == ["notifier"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (pb.Order.PROCESSED, Kind.PROCESSED),
        (pb.Order.FAILED, Kind.FAILED),
        (pb.Order.CANCELLED, Kind.CANCELLED),
    ],
)
async def test_the_kind_follows_from_the_status(
    orders: GrpcOrders, remote: Orders, status: pb.Order.Status.ValueType, kind: Kind
) -> None:
    message = order_message("o-1", status)
    message.failure.message = "Blue mug is sold out."
    remote.orders["o-1"] = message

    order = await orders.process("o-1")

    assert (order.outcome, order.failure_message) == (kind, "Blue mug is sold out.")


async def test_an_order_that_has_not_ended_cannot_be_told_about(orders: GrpcOrders, remote: Orders) -> None:
    remote.orders["o-1"] = order_message("o-1", pb.Order.PROCESSING)

    with pytest.raises(DependencyFailed, match="PROCESSING"):
        await orders.process("o-1")


async def test_confirming_tells_orders(orders: GrpcOrders, remote: Orders) -> None:
    await orders.confirm_told("o-1")

    assert remote.told == ["o-1"]


async def test_calls_carry_the_trace_of_the_message(orders: GrpcOrders, remote: Orders) -> None:
    with calling(Call("r-1", TRACEPARENT, monotonic() + 10)):
        await orders.process("o-1")

    assert remote.traceparents == [TRACEPARENT]


@pytest.mark.parametrize(
    "answer", [errors.NotFound("no"), errors.InvalidArgument([]), errors.FailedPrecondition("not ended")]
)
async def test_a_definite_no_is_refused(orders: GrpcOrders, remote: Orders, answer: Exception) -> None:
    remote.trouble = answer

    with pytest.raises(OrderRefused):
        await orders.process("o-1")


@pytest.mark.parametrize("answer", [errors.Unavailable("inventory"), errors.ResourceExhausted("too much", 0.01)])
async def test_what_concerns_every_order_is_an_outage(orders: GrpcOrders, remote: Orders, answer: Exception) -> None:
    remote.trouble = answer

    with pytest.raises(DependencyDown) as caught:
        await orders.process("o-1")

    assert not isinstance(caught.value, DependencyFailed)
    assert caught.value.dependency is Dependency.ORDERS


@pytest.mark.parametrize("answer", [ZeroDivisionError("a bug"), errors.DeadlineExceeded("slow")])
async def test_what_may_concern_one_order_is_doubtful(orders: GrpcOrders, remote: Orders, answer: Exception) -> None:
    remote.trouble = answer

    with pytest.raises(DependencyFailed):
        await orders.process("o-1")


async def test_no_time_left_is_an_outage(orders: GrpcOrders) -> None:
    with calling(Call("r-1", "", monotonic())), pytest.raises(DependencyDown, match="no time is left"):
        await orders.process("o-1")


async def test_orders_that_serves_passes_the_probe(orders: GrpcOrders) -> None:
    await orders.probe()


async def test_the_probe_sees_a_replica_as_soon_as_it_serves(
    issuer: TestIssuer, token: Token, remote: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe that looks now and then would miss an orders that is there for moments only."""
    server = Server(TEST_SERVER, Application([orders_service(remote)], issuer.verifier))
    port = await server.start("127.0.0.1:0")
    current_token, asked = token.token, asyncio.Event()

    async def noted_token() -> str:
        asked.set()
        return await current_token()

    monkeypatch.setattr(token, "token", noted_token)
    try:
        async with open_channel(f"127.0.0.1:{port}", SERVICE) as channel, asyncio.timeout(PATIENCE_SECONDS):
            while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                await channel.wait_for_state_change(state)
            probe = asyncio.create_task(GrpcOrders(channel, token).probe())
            await asked.wait()
            await server.serve()
            await probe
    finally:
        await server.stop()


async def test_without_a_token_orders_is_out_of_reach(orders: GrpcOrders, token: Token) -> None:
    token.trouble = errors.Unavailable("auth gives this service no token")

    for asked in (orders.process("o-1"), orders.probe()):
        with pytest.raises(DependencyDown, match="no token"):
            await asked


async def test_a_refused_token_is_replaced_and_the_call_made_again(
    orders: GrpcOrders, token: Token, remote: Orders
) -> None:
    token.current = outdated = TestIssuer().service("notifier")

    order = await orders.process("o-1")

    assert order.order_id == "o-1"
    assert token.refusals == [outdated]
    assert len(remote.callers) == 1


async def test_a_token_that_is_refused_again_and_again_is_an_outage(orders: GrpcOrders, token: Token) -> None:
    token.current = token.successor = TestIssuer().service("notifier")

    with pytest.raises(DependencyDown, match="UNAUTHENTICATED") as caught:
        await orders.confirm_told("o-1")

    assert not isinstance(caught.value, DependencyFailed)


async def test_orders_that_is_down_is_an_outage(token: Token) -> None:
    async with open_channel("127.0.0.1:1", SERVICE) as channel:
        orders = GrpcOrders(channel, token)

        for asked in (orders.process("o-1"), orders.probe()):
            with calling(Call("r-1", "", monotonic() + 1.5)), pytest.raises(DependencyDown):
                await asked

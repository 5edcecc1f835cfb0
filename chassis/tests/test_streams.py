"""Methods that stream, through a real server with the full chain: who is let in, who stays, and how it ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
import pytest

from chassis.client_address import ADDRESS_KEY, PROOF_KEY
from chassis.clock import SystemClock
from chassis.errors import NotFound, read_details
from chassis.interceptors import authenticate
from chassis.revocations import Revocation, Revocations
from chassis.server import Application, ServerConfig, Service, running_server
from chassis.streams import OPEN_KEY, RESUMED_KEY, open_stream
from chassis.testing import TEST_SERVER, ManualClock, TestIssuer, bearer
from chassis.tokens import TokenVerifier
from ordermesh.orders.v1 import order_service_pb2 as pb
from ordermesh.orders.v1.order_service_pb2_grpc import OrderServiceServicer, add_OrderServiceServicer_to_server

ORDER = "0" * 32
PATIENCE_SECONDS = 5.0
QUICK_SECONDS = 0.01


class Shop(OrderServiceServicer):
    """Streams what a test puts on the belt, and waits for more until it is told that this was all."""

    def __init__(self) -> None:
        self.belt: asyncio.Queue[pb.Order | Exception | None] = asyncio.Queue()
        self.watchers = 0
        self.is_idle = asyncio.Event()
        self.greets = False

    async def WatchOrder(self, request: pb.WatchOrderRequest, context: Any) -> AsyncGenerator[pb.Order, None]:
        self.watchers += 1
        self.is_idle.clear()
        try:
            if self.greets:
                await open_stream(context)
            while (item := await self.belt.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.watchers -= 1
            self.is_idle.set()

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.Order:
        return pb.Order(order_id=request.order_id)

    async def CreateOrder(self, request: Any, context: Any) -> Any: ...
    async def ListOrders(self, request: Any, context: Any) -> Any: ...
    async def CancelOrder(self, request: Any, context: Any) -> Any: ...
    async def ProcessOrder(self, request: Any, context: Any) -> Any: ...
    async def ConfirmNotification(self, request: Any, context: Any) -> Any: ...


class Scene:
    """A shop behind a real server, its clock, and the sessions that were ended."""

    def __init__(self, port: int, shop: Shop, clock: ManualClock, revocations: Revocations) -> None:
        self.address = f"127.0.0.1:{port}"
        self.shop = shop
        self.clock = clock
        self.revocations = revocations
        self.channel: Any = None

    def watch(self, *metadata: tuple[str, str], order_id: str = ORDER) -> Any:
        call = self.channel.unary_stream(
            "/ordermesh.orders.v1.OrderService/WatchOrder",
            request_serializer=pb.WatchOrderRequest.SerializeToString,
            response_deserializer=pb.Order.FromString,
        )
        return call(pb.WatchOrderRequest(order_id=order_id), metadata=metadata, timeout=60)

    async def get(self, *metadata: tuple[str, str]) -> pb.Order:
        call = self.channel.unary_unary(
            "/ordermesh.orders.v1.OrderService/GetOrder",
            request_serializer=pb.GetOrderRequest.SerializeToString,
            response_deserializer=pb.Order.FromString,
        )
        answer: pb.Order = await call(pb.GetOrderRequest(order_id=ORDER), metadata=metadata)
        return answer


issuer = TestIssuer()


@asynccontextmanager
async def scene_of(config: ServerConfig = TEST_SERVER) -> AsyncIterator[Scene]:
    shop, clock = Shop(), ManualClock(SystemClock().now())
    revocations = Revocations(clock)
    service = Service(pb.DESCRIPTOR.services_by_name["OrderService"], partial(add_OrderServiceServicer_to_server, shop))
    application = Application([service], TokenVerifier(issuer, clock, revocations))
    async with running_server(config, application, "127.0.0.1:0") as port:
        scene = Scene(port, shop, clock, revocations)
        async with grpc.aio.insecure_channel(scene.address) as scene.channel:
            yield scene


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers are looked at again at once."""
    monkeypatch.setattr(authenticate, "RECHECK_SECONDS", QUICK_SECONDS)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with scene_of() as scene:
        yield scene


def ada() -> tuple[tuple[str, str], ...]:
    return bearer(issuer.user("ada"))


def ticket(text: str) -> tuple[str, str]:
    return ("authorization", f"Ticket {text}")


async def ended(stream: Any) -> tuple[grpc.StatusCode, str]:
    """How a stream ends: its code and its reason."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(exhausted(stream), PATIENCE_SECONDS)
    return caught.value.code(), read_details(caught.value).reason


async def exhausted(stream: Any) -> None:
    while await stream.read() is not grpc.aio.EOF:
        pass


async def opened(scene: Scene, *metadata: tuple[str, str]) -> Any:
    """A stream that has brought its first message."""
    stream = scene.watch(*metadata)
    scene.shop.belt.put_nowait(pb.Order(version=1))
    assert (await stream.read()).version == 1
    return stream


async def idle(scene: Scene) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await scene.shop.is_idle.wait()


async def test_messages_come_in_their_order_and_then_the_end(scene: Scene) -> None:
    for version in (1, 2, 3):
        scene.shop.belt.put_nowait(pb.Order(version=version))
    scene.shop.belt.put_nowait(None)

    assert [order.version async for order in scene.watch(*ada())] == [1, 2, 3]


async def test_a_caller_hears_that_they_were_let_in_before_there_is_a_message(scene: Scene) -> None:
    scene.shop.greets = True

    stream = scene.watch(*ada())

    assert (OPEN_KEY, "true") in tuple(await stream.initial_metadata())
    stream.cancel()


async def test_an_error_late_in_a_stream_is_told_like_any_other(scene: Scene) -> None:
    stream = await opened(scene, *ada())

    scene.shop.belt.put_nowait(NotFound("it is gone"))

    assert await ended(stream) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_an_unknown_error_late_in_a_stream_tells_nothing(scene: Scene) -> None:
    stream = await opened(scene, *ada())

    scene.shop.belt.put_nowait(RuntimeError("a secret"))

    assert await ended(stream) == (grpc.StatusCode.INTERNAL, "INTERNAL")


async def test_nobody_is_let_in_without_a_token(scene: Scene) -> None:
    assert await ended(scene.watch()) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    assert scene.shop.watchers == 0


async def test_a_stream_ends_when_its_callers_token_expires(scene: Scene) -> None:
    stream = await opened(scene, *ada())

    scene.clock.advance(601)

    assert await ended(stream) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
    await idle(scene)


async def test_a_stream_ends_when_its_callers_session_does(scene: Scene) -> None:
    stream = await opened(scene, *ada())

    scene.revocations.add([Revocation("s-1", scene.clock.now())])

    assert await ended(stream) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")
    await idle(scene)


async def test_a_caller_who_leaves_ends_the_work(scene: Scene) -> None:
    stream = await opened(scene, *ada())

    stream.cancel()

    await idle(scene)
    assert scene.shop.watchers == 0


async def test_a_ticket_opens_what_it_was_made_for(scene: Scene) -> None:
    stream = await opened(scene, ticket(issuer.ticket("ada", ORDER)))

    stream.cancel()
    await idle(scene)


async def test_a_ticket_opens_nothing_else_of_the_same_method(scene: Scene) -> None:
    stream = scene.watch(ticket(issuer.ticket("ada", ORDER)), order_id="1" * 32)

    assert await ended(stream) == (grpc.StatusCode.UNAUTHENTICATED, "TICKET_FOR_ANOTHER")


async def test_a_ticket_opens_no_method_that_takes_none(scene: Scene) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scene.get(ticket(issuer.ticket("ada", ORDER)))

    assert read_details(caught.value).reason == "TOKEN_MISSING"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: bearer(issuer.ticket("ada", ORDER))[0],
        lambda: ticket(issuer.user("ada")),
        lambda: ticket(issuer.ticket("ada", "")),
        lambda: ticket(issuer.ticket("ada", ORDER, sid="")),
        lambda: ticket(issuer.ticket("ada", ORDER, **{"for": [ORDER]})),
        lambda: ticket(issuer.ticket("ada", ORDER, end="never")),
        lambda: ticket(TestIssuer().ticket("ada", ORDER)),
        lambda: ticket("a.b.c"),
    ],
    ids=["as a token", "a token", "for nothing", "no session", "for a list", "no end", "not auth's", "no ticket"],
)
async def test_a_ticket_is_no_token_and_a_token_no_ticket(scene: Scene, wrong: Callable[[], tuple[str, str]]) -> None:
    assert await ended(scene.watch(wrong())) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


async def test_a_ticket_that_was_taken_once_is_still_no_token(scene: Scene) -> None:
    text = issuer.ticket("ada", ORDER)
    await opened(scene, ticket(text))

    assert await ended(scene.watch(("authorization", f"Bearer {text}"))) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "TOKEN_INVALID",
    )


async def test_a_ticket_opens_for_a_minute_and_its_holder_stays_longer(scene: Scene) -> None:
    soon = int(scene.clock.now().timestamp()) + 60
    card = ticket(issuer.ticket("ada", ORDER, exp=soon))
    stream = await opened(scene, card)

    scene.clock.advance(61)

    assert await ended(scene.watch(card)) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
    scene.shop.belt.put_nowait(pb.Order(version=2))
    assert (await stream.read()).version == 2


def for_a_client(proof: str) -> tuple[tuple[str, str], ...]:
    """What the gateway says when it goes on with somebody's stream, and what proves that it is the gateway."""
    return ((ADDRESS_KEY, "192.0.2.7"), (PROOF_KEY, f"Bearer {proof}"), (RESUMED_KEY, "true"))


async def test_the_gateway_goes_on_with_a_stream_that_was_opened_with_a_ticket(scene: Scene) -> None:
    soon = int(scene.clock.now().timestamp()) + 60
    card = ticket(issuer.ticket("ada", ORDER, exp=soon))
    scene.clock.advance(61)

    stream = await opened(scene, card, *for_a_client(issuer.service("gateway")))

    stream.cancel()


@pytest.mark.parametrize("proof", ["orders", ""])
async def test_nobody_else_can_say_that_a_ticket_was_used_before(scene: Scene, proof: str) -> None:
    soon = int(scene.clock.now().timestamp()) + 60
    card = ticket(issuer.ticket("ada", ORDER, exp=soon))
    scene.clock.advance(61)

    stream = scene.watch(card, *for_a_client(issuer.service(proof) if proof else "nonsense"))

    assert await ended(stream) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")


async def test_who_came_with_a_ticket_goes_when_the_token_behind_it_expires(scene: Scene) -> None:
    in_a_while = int(scene.clock.now().timestamp()) + 300
    stream = await opened(scene, ticket(issuer.ticket("ada", ORDER, end=in_a_while)))

    scene.clock.advance(301)

    assert await ended(stream) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")


async def test_streams_are_limited_apart_from_calls() -> None:
    config = replace(TEST_SERVER, concurrent_calls_max=1, concurrent_streams_max=2)
    async with scene_of(config) as scene:
        scene.shop.greets = True
        streams = [scene.watch(*ada()) for _ in range(2)]
        for stream in streams:
            await stream.initial_metadata()

        third = await ended(scene.watch(*ada()))
        answer = await scene.get(*ada())

        assert third == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert answer.order_id == ORDER


async def test_a_stream_that_has_ended_makes_room_for_another() -> None:
    async with scene_of(replace(TEST_SERVER, concurrent_streams_max=1)) as scene:
        first = await opened(scene, *ada())
        scene.shop.greets = True

        first.cancel()

        async with asyncio.timeout(PATIENCE_SECONDS):
            while (OPEN_KEY, "true") not in tuple(await scene.watch(*ada()).initial_metadata()):
                pass


async def test_a_server_that_stops_sends_who_watches_elsewhere() -> None:
    """At once: it does not wait for the end of its drain."""
    async with AsyncExitStack() as serving:
        scene = await serving.enter_async_context(scene_of(replace(TEST_SERVER, drain_seconds=60.0)))
        async with grpc.aio.insecure_channel(scene.address) as scene.channel:
            stream = await opened(scene, *ada())

            ending, _ = await asyncio.gather(ended(stream), serving.aclose())

    assert ending == (grpc.StatusCode.UNAVAILABLE, "STOPPING")

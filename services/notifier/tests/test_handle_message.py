"""One try of one message is one call, and the call ends with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chassis import errors
from chassis.call import Call, current_call
from chassis.channels import open_channel
from chassis.testing import TestIssuer
from ordermesh.orders.v1 import order_service_pb2 as pb
from services.notifier import handle_message
from services.notifier.app import build_worker
from services.notifier.errors import Dependency, DependencyDown
from services.notifier.grpc_orders import GrpcOrders
from services.notifier.handle_message import MessageHandler
from services.notifier.memory_orders import MemoryOrders
from services.notifier.order import Order
from services.notifier.queue import Message
from services.notifier.tell_customer import Teller
from services.notifier.tests.neighbours import Orders, Token, neighbour_address, order_message, orders_service
from services.notifier.tests.scene import (
    LEASE_SECONDS,
    PATIENCE_SECONDS,
    SEND_SECONDS,
    Scene,
    event_body,
    order,
)
from services.notifier.worker import WorkerLimits

SERVICE = pb.DESCRIPTOR.services_by_name["OrderService"]


class OrdersThatNoteTheCall(MemoryOrders):
    """Remembers the call under which it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call | None] = []

    async def process(self, order_id: str) -> Order:
        self.calls.append(current_call())
        return await super().process(order_id)


@asynccontextmanager
async def remote_orders(remote: Orders) -> AsyncIterator[GrpcOrders]:
    """The notifier's own way to a real server."""
    issuer = TestIssuer()
    async with (
        neighbour_address(orders_service(remote), issuer) as address,
        open_channel(address, SERVICE) as channel,
    ):
        yield GrpcOrders(channel, Token(issuer))


async def test_each_try_is_a_call_of_its_own_that_ends_with_it(scene: Scene) -> None:
    orders = OrdersThatNoteTheCall()
    orders.orders["o-1"] = order("o-1")
    teller = Teller(scene.store, scene.mailer, scene.clock, LEASE_SECONDS, SEND_SECONDS)
    handler = MessageHandler(lambda message: message.body, orders, teller)
    before = current_call()

    await handler.handle(Message("m-1", "m-1/1", "o-1"))
    after_success = current_call()
    orders.trouble = DependencyDown(Dependency.ORDERS, "UNAVAILABLE")
    with pytest.raises(DependencyDown):
        await handler.handle(Message("m-1", "m-1/1", "o-1"))

    first, second = orders.calls
    assert first is not None
    assert second is not None
    assert first.request_id != second.request_id
    assert first.deadline < second.deadline
    assert (after_success, current_call()) == (before, before)


async def test_an_outage_of_orders_longer_than_a_try_may_take_ends_all_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses between probes grow to 0.8 s here: each would outlive the call of the try before."""
    monkeypatch.setattr(handle_message, "MESSAGE_SECONDS", 0.7)
    remote = Orders()
    remote.orders["o-1"] = order_message("o-1", pb.Order.PROCESSED)
    remote.trouble = errors.Unavailable("inventory is down")
    await scene.queue.send(event_body("o-1"))

    async with remote_orders(remote) as orders, asyncio.timeout(PATIENCE_SECONDS):
        worker = build_worker(
            scene.queue,
            orders,
            scene.mailer,
            scene.store,
            scene.failures,
            scene.clock,
            WorkerLimits(heartbeat_seconds=10, drain_seconds=1),
            LEASE_SECONDS,
            SEND_SECONDS,
        )
        task = asyncio.create_task(worker.run())
        try:
            await remote.until(lambda: len(remote.callers) >= 4)
            remote.trouble = None
            await scene.queue.until_empty()
        finally:
            task.cancel()
            await asyncio.wait([task])

    assert scene.recipients == ["ada@example.com"]
    assert remote.told == ["o-1"]

"""The mesh in one event loop: real servers and chains, stores in memory, and SQS and SES of the rig.

Each process has a tracer of its own, so that a span says whose it is.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import httpx

from chassis.aws import open_aws_client
from chassis.background import running
from chassis.channels import open_channel
from chassis.clock import SystemClock
from chassis.server import Application, Service, running_server
from chassis.testing import TEST_SERVER, TestIssuer
from chassis.tracing import SAMPLER_DEFAULT, Tracer
from gateway.app import SERVICES
from gateway.tests.backend import gateway_to, listening
from ordermesh.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from services.inventory.app import build_inventory
from services.inventory.item import Adjustment, Item, Money
from services.inventory.memory_store import MemoryStore as InventoryMemory
from services.inventory.writer import Writer
from services.notifier.app import build_worker
from services.notifier.grpc_orders import GrpcOrders
from services.notifier.memory_delivery_failures import MemoryDeliveryFailures
from services.notifier.memory_store import MemoryStore as NotificationMemory
from services.notifier.ses_mailer import SesMailer
from services.notifier.sqs_queue import SqsQueue as IncomingQueue
from services.notifier.worker import Worker, WorkerLimits
from services.orders.app import build_orders
from services.orders.cache import MemoryCache
from services.orders.changes import MemoryChanges
from services.orders.grpc_stock import GrpcStock
from services.orders.memory_store import MemoryStore as OrderMemory
from services.orders.relay import Relay
from services.orders.sqs_queue import SqsQueue as OutgoingQueue
from services.orders.store import SweepTimes
from services.orders.sweep import Sweep
from services.orders.watchers import Watchers
from tests.faults.rig.emulator import AwsEmulator, open_emulator
from tests.tracing.ended import Ended

READ_SECONDS = 25.0
"""Longer than SQS's longest poll."""

STOCK = 5
LEASE = timedelta(seconds=10)
VISIBILITY_SECONDS = 30
DEPTH_MAX = 1_000


class Token:
    """A process's own token."""

    def __init__(self, issuer: TestIssuer, process: str) -> None:
        self._token = issuer.service(process)

    async def token(self) -> str:
        return self._token

    def refused(self, token: str) -> None:
        raise AssertionError(f"{token} was refused")


@dataclass
class Mesh:
    """A customer at the gateway, and what is behind it. Nothing is published or worked on until a test says so."""

    customer: httpx.AsyncClient
    aws: AwsEmulator
    relay: Relay
    sweep: Sweep
    ended: Ended
    worker: Worker
    sqs: Any
    queue_url: str

    async def order(self, quantity: int = 2, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Place an order of lamps."""
        body = {"items": [{"sku": "LAMP", "quantity": quantity}]}
        return await self.customer.post("/api/orders", json=body, headers=headers)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Messages are worked on for the length of the block."""
        async with running(asyncio.create_task(self.worker.run())):
            yield

    async def lose_messages(self) -> None:
        """Forget what is in the queue."""
        await self.sqs.purge_queue(QueueUrl=self.queue_url)

    async def next_traceparent(self) -> str:
        """That of the message that waits in the queue."""
        answer = await self.sqs.receive_message(QueueUrl=self.queue_url, MessageAttributeNames=["All"])
        traceparent: str = answer["Messages"][0]["MessageAttributes"]["traceparent"]["StringValue"]
        return traceparent


@asynccontextmanager
async def open_mesh(sampler: str = SAMPLER_DEFAULT) -> AsyncIterator[Mesh]:
    """Gateway, orders, inventory and notifier, with ``STOCK`` lamps."""
    issuer, clock, ended = TestIssuer(), SystemClock(), Ended()
    sweep_times = SweepTimes(age=timedelta(0), renew=timedelta(seconds=300))

    def tracer(process: str) -> Tracer:
        return ended.tracer(process, sampler)

    async with AsyncExitStack() as stack:

        async def served(process: str, service: Service) -> str:
            application = Application([service], issuer.verifier, tracer=tracer(process))
            port = await stack.enter_async_context(running_server(TEST_SERVER, application, "127.0.0.1:0"))
            return f"127.0.0.1:{port}"

        aws = await stack.enter_async_context(open_emulator(Random(1)))
        sqs, ses = [
            await stack.enter_async_context(
                open_aws_client(aws.local.config, name, attempts_max=1, read_timeout_seconds=READ_SECONDS)
            )
            for name in ("sqs", "sesv2")
        ]
        queue_url = aws.environment["AWS_SQS_QUEUE_URL"]

        items = InventoryMemory()
        await items.create_item(
            Item.new("LAMP", "Lamp", Money("EUR", 2_500), STOCK), Adjustment("LAMP", "", STOCK, "new", "root")
        )
        writer = Writer(items)
        await stack.enter_async_context(running(asyncio.create_task(writer.run())))
        inventory = await served("inventory", build_inventory(items, writer, clock, 900))

        to_inventory = await stack.enter_async_context(open_channel(inventory, SERVICES["inventory"]))
        orders_store = OrderMemory(sweep_times)
        stock = GrpcStock(InventoryServiceStub(to_inventory), Token(issuer, "orders"))
        outgoing = OutgoingQueue(sqs, queue_url, tracer("orders"))
        relay = Relay(orders_store, outgoing, clock, LEASE, DEPTH_MAX)
        watchers = Watchers(orders_store, MemoryChanges())
        orders = await served("orders", build_orders(orders_store, stock, MemoryCache(), relay, watchers, clock))

        to_orders = await stack.enter_async_context(open_channel(orders, SERVICES["orders"]))
        worker = build_worker(
            IncomingQueue(sqs, queue_url, VISIBILITY_SECONDS),
            GrpcOrders(to_orders, Token(issuer, "notifier")),
            SesMailer(ses, aws.local.sender_email, 5.0),
            NotificationMemory(),
            MemoryDeliveryFailures(),
            clock,
            WorkerLimits(heartbeat_seconds=10.0, drain_seconds=1.0),
            15.0,
            5.0,
            tracer("notifier"),
            queue_url,
        )

        channels = {"orders": await stack.enter_async_context(open_channel(orders, SERVICES["orders"], retries=True))}
        services = {"orders": SERVICES["orders"]}
        url = await stack.enter_async_context(listening(gateway_to(services, channels, tracer=tracer("gateway"))))
        headers = {"authorization": f"Bearer {issuer.user('ada')}"}
        customer = await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=headers))
        yield Mesh(
            customer,
            aws,
            relay,
            Sweep(orders_store, stock, outgoing, relay, clock, DEPTH_MAX // 2),
            ended,
            worker,
            sqs,
            queue_url,
        )

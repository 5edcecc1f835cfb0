"""Orders, messages, and a worker with everything around it in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from chassis.testing import ManualClock
from deploy.local.moto_server import LocalAws
from services.notifier.app import build_worker
from services.notifier.delivery_failure import DeliveryFailures
from services.notifier.memory_delivery_failures import MemoryDeliveryFailures
from services.notifier.memory_mailer import MemoryMailer
from services.notifier.memory_orders import MemoryOrders
from services.notifier.memory_queue import MemoryQueue
from services.notifier.memory_store import MemoryStore
from services.notifier.money import Money
from services.notifier.notification import Kind, Notification
from services.notifier.order import Item, Order
from services.notifier.store import NotificationStore
from services.notifier.worker import WorkerLimits

LEASE_SECONDS = 15.0
SEND_SECONDS = 5.0
PATIENCE_SECONDS = 10.0
"""How long a test waits for what must happen."""


def order(order_id: str = "ab12cd34ef567890", outcome: Kind = Kind.PROCESSED, **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "recipient": "ada@example.com",
        "create_time": datetime(2026, 7, 1, 12, 0, tzinfo=UTC),
        "items": [Item("Blue mug", 3, Money("EUR", 1_250)), Item("Tea", 1, Money("EUR", 5))],
        "total": Money("EUR", 3_755),
    }
    return Order(order_id=order_id, outcome=outcome, **(fields | changes))


def event_body(order_id: str) -> str:
    return json.dumps({"eventId": f"{order_id}:1", "type": "CREATED", "orderId": order_id, "version": 1})


def given_back(queue: MemoryQueue, message_id: str) -> bool:
    return queue.receive_count(message_id) > 0 and queue.hidden_seconds(message_id) == 0


@dataclass
class Scene:
    clock: ManualClock
    orders: MemoryOrders = field(default_factory=MemoryOrders)
    mailer: MemoryMailer = field(default_factory=MemoryMailer)
    store: NotificationStore = field(default_factory=MemoryStore)
    failures: DeliveryFailures = field(default_factory=MemoryDeliveryFailures)

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)

    async def place(self, order_id: str, outcome: Kind = Kind.PROCESSED, **changes: Any) -> str:
        """An order that orders knows, and a message about it; returns the message's id."""
        self.orders.orders[order_id] = order(order_id, outcome, **changes)
        return await self.queue.send(event_body(order_id))

    async def notifications(self) -> dict[str, Notification]:
        return {row.order_id: row for row in await self.store.list_page("", 500, None)}

    @property
    def recipients(self) -> list[str]:
        return [sent.recipient for sent in self.mailer.sent]

    @asynccontextmanager
    async def working(
        self, *, drain_seconds: float = 5.0, heartbeat_seconds: float = 10.0, **limits: Any
    ) -> AsyncIterator["asyncio.Task[None]"]:
        """A worker that runs for the length of the block, and stops as a process stops it."""
        worker = build_worker(
            self.queue,
            self.orders,
            self.mailer,
            self.store,
            self.failures,
            self.clock,
            WorkerLimits(heartbeat_seconds, drain_seconds, **limits),
            LEASE_SECONDS,
            SEND_SECONDS,
        )
        task = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


@dataclass
class Aws:
    """A moto server's clients, and a queue of a test's own."""

    local: LocalAws
    sqs: Any
    ses: Any
    queue_url: str = ""
    dead_letter_queue_url: str = ""

    async def create_queue(self) -> None:
        """A queue, and one for what was received twice."""
        name = f"test-{uuid4().hex}"
        self.dead_letter_queue_url = (await self.sqs.create_queue(QueueName=f"{name}-dead"))["QueueUrl"]
        dead = await self.sqs.get_queue_attributes(QueueUrl=self.dead_letter_queue_url, AttributeNames=["QueueArn"])
        redrive = {"deadLetterTargetArn": dead["Attributes"]["QueueArn"], "maxReceiveCount": 2}
        attributes = {"RedrivePolicy": json.dumps(redrive)}
        self.queue_url = (await self.sqs.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"]

    async def delete_queue(self) -> None:
        for queue_url in (self.queue_url, self.dead_letter_queue_url):
            await self.sqs.delete_queue(QueueUrl=queue_url)

    async def send(self, body: str, **attributes: str) -> str:
        answer = await self.sqs.send_message(
            QueueUrl=self.queue_url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )
        message_id: str = answer["MessageId"]
        return message_id

    async def counts(self) -> tuple[int, int]:
        """How many messages are visible, and how many hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        visible, hidden = (int(answer["Attributes"][name]) for name in names)
        return visible, hidden

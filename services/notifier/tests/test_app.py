"""The whole notifier as a process runs it: real MongoDB, SQS and SES, and servers beside it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import grpc
import pytest

from chassis import errors
from chassis.mongo import Database
from chassis.server import running_server
from chassis.testing import TEST_SERVER, TestIssuer, bearer
from deploy.local.mails import Mail, received_mails
from ordermesh.notifier.v1 import notifier_service_pb2 as pb
from ordermesh.notifier.v1.notifier_service_pb2_grpc import NotifierServiceStub
from ordermesh.orders.v1 import order_service_pb2 as orders_pb
from services.notifier.app import open_notifier
from services.notifier.config import NotifierConfig
from services.notifier.tests.neighbours import (
    Auth,
    Orders,
    auth_service,
    neighbour_address,
    order_message,
    orders_service,
)
from services.notifier.tests.scene import PATIENCE_SECONDS, Aws, event_body

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
POLL_SECONDS = 0.05


@dataclass
class Mesh:
    """A running notifier, and what is around it."""

    aws: Aws
    orders: Orders
    issuer: TestIssuer
    port: int

    async def mails_to(self, address: str) -> list[Mail]:
        mails = await received_mails(self.aws.local.endpoint_url)
        return [mail for mail in mails if address in mail.recipients]

    async def until_the_queue_is_empty(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.aws.counts() != (0, 0):  # SQS has to be asked
                await asyncio.sleep(POLL_SECONDS)


def uri_of(mongo_uri: str, database: Database) -> str:
    server, _, options = mongo_uri.partition("?")
    return f"{server.rstrip('/')}/{database.name}?{options}"


@pytest.fixture
def visibility_seconds() -> int:
    """So long that no message comes again because the machine is busy."""
    return 30


@pytest.fixture
def mesh_config(mongo_uri: str, database: Database, aws_clients: Aws, visibility_seconds: int) -> NotifierConfig:
    """The notifier's configuration, but for where the others are."""
    config = NotifierConfig.from_environment(
        aws_clients.local.environment
        | {
            "MONGO_URI": uri_of(mongo_uri, database),
            "SERVICE_CLIENT_ID": "notifier",
            "SERVICE_CLIENT_SECRET": "s" * 32,
            "AWS_SQS_QUEUE_URL": aws_clients.queue_url,
            "AWS_SQS_DLQ_URL": aws_clients.dead_letter_queue_url,
            "VISIBILITY_SECONDS": str(visibility_seconds),
            "HEARTBEAT_SECONDS": str(0.4 * visibility_seconds),
        }
    )
    return replace(config, server=TEST_SERVER)


@pytest.fixture
async def mesh(mesh_config: NotifierConfig, aws_clients: Aws) -> AsyncIterator[Mesh]:
    issuer, orders = TestIssuer(), Orders()
    async with (
        neighbour_address(auth_service(Auth(issuer)), issuer) as auth_address,
        neighbour_address(orders_service(orders), issuer) as orders_address,
    ):
        mesh_auth = replace(mesh_config.mesh, auth_address=auth_address)
        config = replace(mesh_config, mesh=mesh_auth, orders_address=orders_address)
        async with (
            open_notifier(config) as application,
            running_server(config.server, application, "127.0.0.1:0") as port,
        ):
            yield Mesh(aws_clients, orders, issuer, port)


async def test_an_event_in_sqs_becomes_a_mail_in_ses_and_a_row_for_admins(mesh: Mesh) -> None:
    mesh.orders.orders["o-1"] = order_message("o-1", orders_pb.Order.PROCESSED, "grace@example.com")

    await mesh.aws.send(event_body("o-1"), type="order.created", schema_version="1", traceparent=TRACEPARENT)
    await mesh.until_the_queue_is_empty()

    (mail,) = await mesh.mails_to("grace@example.com")
    assert mail.subject == "Your order o-1 is on its way"
    assert "37.50 EUR" in mail.body
    assert mesh.orders.told == ["o-1"]
    assert mesh.orders.traceparents == [TRACEPARENT, TRACEPARENT]
    assert {identity.subject for identity in mesh.orders.callers} == {"notifier"}
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}") as channel:
        answer = await NotifierServiceStub(channel).ListNotifications(
            pb.ListNotificationsRequest(order_id="o-1"), metadata=bearer(mesh.issuer.admin())
        )
    (row,) = answer.notifications
    assert (row.state, row.attempts) == (pb.Notification.SENT, 1)


async def test_an_event_sent_three_times_is_one_mail(mesh: Mesh) -> None:
    mesh.orders.orders["o-2"] = order_message("o-2", orders_pb.Order.CANCELLED, "alan@example.com")
    await mesh.aws.send(event_body("o-2"))
    await mesh.until_the_queue_is_empty()

    for _ in range(2):
        await mesh.aws.send(event_body("o-2"))
    await mesh.until_the_queue_is_empty()

    assert [mail.subject for mail in await mesh.mails_to("alan@example.com")] == ["Your order o-2 was cancelled"]
    assert mesh.orders.told == ["o-2"] * 3


async def test_after_an_outage_of_orders_every_customer_is_told(mesh: Mesh) -> None:
    mesh.orders.trouble = errors.Unavailable("inventory does not answer")
    for number in range(5):
        order_id = f"late-{number}"
        mesh.orders.orders[order_id] = order_message(order_id, orders_pb.Order.PROCESSED, "late@example.com")
        await mesh.aws.send(event_body(order_id))
    await mesh.orders.until(lambda: len(mesh.orders.callers) >= 2)

    mesh.orders.trouble = None
    await mesh.until_the_queue_is_empty()

    assert len(await mesh.mails_to("late@example.com")) == 5


@pytest.mark.parametrize("visibility_seconds", [1])
async def test_a_message_about_an_order_that_was_not_there_is_sent_again_when_it_is(mesh: Mesh) -> None:
    """Twice received, it is a dead letter; redriven, it is a message as any other."""
    message_id = await mesh.aws.send(event_body("o-9"), type="order.created", traceparent=TRACEPARENT)
    metadata = bearer(mesh.issuer.admin())
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}") as channel,
    ):
        stub = NotifierServiceStub(channel)
        while not (dead := (await stub.ListDeadLetters(pb.ListDeadLettersRequest(), metadata=metadata)).dead_letters):
            await asyncio.sleep(POLL_SECONDS)
        mesh.orders.orders["o-9"] = order_message("o-9", orders_pb.Order.PROCESSED, "joan@example.com")
        redriven = await stub.RedriveDeadLetters(pb.RedriveDeadLettersRequest(all=True), metadata=metadata)
        await mesh.orders.until(lambda: mesh.orders.told == ["o-9"])
        await mesh.until_the_queue_is_empty()

    (letter,) = dead
    assert (letter.message_id, letter.reason, letter.attempts) == (message_id, "ORDER_REFUSED", 2)
    assert (letter.body, letter.attributes["traceparent"]) == (event_body("o-9"), TRACEPARENT)
    assert redriven.sent_count == 1
    assert len(await mesh.mails_to("joan@example.com")) == 1
    assert mesh.orders.traceparents[-1] == TRACEPARENT


async def test_without_a_dead_letter_queue_it_says_so_and_works(
    mesh_config: NotifierConfig, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_notifier(replace(mesh_config, dead_letter_queue_url="")) as application:
        loops = [name for name, _ in application.loops]

    assert "drainer" not in loops
    assert "worker" in loops
    assert [record.message for record in caplog.records if "AWS_SQS_DLQ_URL" in record.message] == [
        "AWS_SQS_DLQ_URL is not set: dead letters stay in their queue, and none is listed"
    ]

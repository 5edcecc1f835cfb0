"""ListNotifications through a real server with its full chain."""

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.errors import read_details
from chassis.testing import ManualClock, TestIssuer, bearer, served
from ordermesh.notifier.v1 import notifier_service_pb2 as pb
from ordermesh.notifier.v1.notifier_service_pb2_grpc import NotifierServiceStub
from services.notifier.app import build_notifier
from services.notifier.memory_dead_letters import MemoryDeadLetters
from services.notifier.memory_queue import MemoryQueue
from services.notifier.memory_store import MemoryStore
from services.notifier.notification import Kind, Lease
from services.notifier.redrive import Redriver


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def channel(issuer: TestIssuer, memory: MemoryStore, clock: ManualClock) -> AsyncIterator[grpc.aio.Channel]:
    letters = MemoryDeadLetters()
    service = build_notifier(memory, letters, Redriver(letters, MemoryQueue(clock), clock), clock)
    async with served(service, issuer=issuer) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return NotifierServiceStub(channel)


async def claimed(memory: MemoryStore, clock: ManualClock, order_id: str, kind: Kind = Kind.PROCESSED) -> Lease:
    lease = Lease.begin(order_id, kind, clock.now(), 15)
    await memory.claim(lease, clock.now())
    clock.advance(1)
    return lease


async def test_an_admin_sees_what_customers_were_told(
    stub: Any, issuer: TestIssuer, memory: MemoryStore, clock: ManualClock
) -> None:
    begun = clock.now()
    sent = await claimed(memory, clock, "o-1")
    await memory.mark_sent(sent, "mail-1", clock.now())
    refused = await claimed(memory, clock, "o-2", Kind.FAILED)
    await memory.mark_failed(refused, "BadRequestException: no such address")
    await claimed(memory, clock, "o-3", Kind.CANCELLED)

    answer = await stub.ListNotifications(pb.ListNotificationsRequest(), metadata=bearer(issuer.admin()))

    third, second, first = answer.notifications
    assert (third.notification_id, third.kind, third.state) == (
        "o-3:cancelled",
        pb.Notification.CANCELLED,
        pb.Notification.SENDING,
    )
    assert (second.notification_id, second.kind, second.state, second.failure_reason) == (
        "o-2:failed",
        pb.Notification.FAILED,
        pb.Notification.FAILED_PERMANENTLY,
        "BadRequestException: no such address",
    )
    assert (first.order_id, first.kind, first.state) == ("o-1", pb.Notification.PROCESSED, pb.Notification.SENT)
    assert (first.message_id, first.attempts) == ("mail-1", 1)
    assert first.create_time.ToDatetime(UTC) == begun
    assert first.HasField("send_time")
    assert not second.HasField("send_time")
    assert answer.next_page_token == ""


async def test_pages_follow_one_another(stub: Any, issuer: TestIssuer, memory: MemoryStore, clock: ManualClock) -> None:
    for number in range(5):
        await claimed(memory, clock, f"o-{number}")

    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        request = pb.ListNotificationsRequest(page_size=2, page_token=token)
        answer = await stub.ListNotifications(request, metadata=bearer(issuer.admin()))
        token = answer.next_page_token
        pages.append([row.order_id for row in answer.notifications])

    assert pages == [["o-4", "o-3"], ["o-2", "o-1"], ["o-0"]]


async def test_the_filter_names_one_order(
    stub: Any, issuer: TestIssuer, memory: MemoryStore, clock: ManualClock
) -> None:
    for order_id in ("o-1", "o-2"):
        await claimed(memory, clock, order_id)

    request = pb.ListNotificationsRequest(order_id="o-1")
    answer = await stub.ListNotifications(request, metadata=bearer(issuer.admin()))

    assert [row.order_id for row in answer.notifications] == ["o-1"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListNotificationsRequest(page_token="bm9uc2Vuc2U="), "page_token"),
        (pb.ListNotificationsRequest(page_token="WyJ4IiwieSJd"), "page_token"),
        (pb.ListNotificationsRequest(page_size=-1), "page_size"),
    ],
)
async def test_a_bad_page_is_named(
    stub: Any, issuer: TestIssuer, request_: pb.ListNotificationsRequest, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListNotifications(request_, metadata=bearer(issuer.admin()))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in read_details(caught.value).violations] == [field]


async def test_only_admins_see_notifications(stub: Any, issuer: TestIssuer) -> None:
    codes = []
    for metadata in ((), bearer(issuer.user("ada")), bearer(issuer.service("orders"))):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListNotifications(pb.ListNotificationsRequest(), metadata=metadata)
        codes.append(caught.value.code())

    assert codes == [
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.PERMISSION_DENIED,
    ]


async def test_the_service_says_that_it_serves(channel: grpc.aio.Channel) -> None:
    request = health_pb2.HealthCheckRequest(service="ordermesh.notifier.v1.NotifierService")

    stub: Any = health_pb2_grpc.HealthStub(channel)

    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING

"""The methods about dead letters through a real server with its full chain."""

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

import grpc
import pytest

from chassis.errors import read_details
from chassis.testing import ManualClock, TestIssuer, bearer, served
from ordermesh.notifier.v1 import notifier_service_pb2 as pb
from ordermesh.notifier.v1.notifier_service_pb2_grpc import NotifierServiceStub
from services.notifier.app import build_notifier
from services.notifier.memory_dead_letters import MemoryDeadLetters
from services.notifier.memory_queue import MemoryQueue
from services.notifier.memory_store import MemoryStore
from services.notifier.redrive import Redriver
from services.notifier.tests.letters import kept, lease_on, letter


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture
def memory() -> MemoryDeadLetters:
    return MemoryDeadLetters()


@pytest.fixture
def queue(today: ManualClock) -> MemoryQueue:
    return MemoryQueue(today)


@pytest.fixture
async def stub(issuer: TestIssuer, memory: MemoryDeadLetters, queue: MemoryQueue, today: ManualClock) -> Any:
    service = build_notifier(MemoryStore(), memory, Redriver(memory, queue, today), today)
    async with served(service, issuer=issuer) as channel:
        yield NotifierServiceStub(channel)


@pytest.fixture
def admin(issuer: TestIssuer) -> Any:
    return bearer(issuer.admin())


async def pages(stub: Any, admin: Any, **request: Any) -> AsyncIterator[pb.ListDeadLettersResponse]:
    token = ""
    while True:
        page = await stub.ListDeadLetters(pb.ListDeadLettersRequest(page_token=token, **request), metadata=admin)
        yield page
        token = page.next_page_token
        if not token:
            return


async def test_an_admin_sees_what_could_not_be_processed_and_why(
    stub: Any, admin: Any, memory: MemoryDeadLetters, today: ManualClock
) -> None:
    await memory.insert(letter("m-1", today, body="{no JSON", body_bytes=8))

    answer = await stub.ListDeadLetters(pb.ListDeadLettersRequest(), metadata=admin)

    (dead,) = answer.dead_letters
    assert (dead.message_id, dead.state, dead.attempts) == ("m-1", pb.DeadLetter.DEAD, 10)
    assert (dead.reason, dead.description) == ("MESSAGE_UNREADABLE", "the body is no OrderEvent")
    assert (dead.body, dead.body_bytes, dict(dead.attributes)) == ("{no JSON", 8, {"type": "order.created", "x.y": "z"})
    assert dead.create_time.ToDatetime(UTC) == today.now()
    assert (dead.HasField("redrive_time"), dead.redrive_message_id) == (False, "")


async def test_what_was_sent_again_says_when_and_as_what(
    stub: Any, admin: Any, memory: MemoryDeadLetters, queue: MemoryQueue, today: ManualClock
) -> None:
    await memory.insert(letter("m-9", today))

    answer = await stub.RedriveDeadLetters(pb.RedriveDeadLettersRequest(message_ids=["m-9", "m-9"]), metadata=admin)

    listed = await stub.ListDeadLetters(pb.ListDeadLettersRequest(state=pb.DeadLetter.REDRIVEN), metadata=admin)
    (redriven,) = listed.dead_letters
    assert (answer.sent_count, list(answer.failures), answer.has_more) == (1, [], False)
    assert [redriven.redrive_message_id] == queue.ids
    assert redriven.redrive_time.ToDatetime(UTC) == today.now()


async def test_pages_follow_one_another(stub: Any, admin: Any, memory: MemoryDeadLetters, today: ManualClock) -> None:
    await kept(memory, today, 5)

    listed = [[row.message_id for row in page.dead_letters] async for page in pages(stub, admin, page_size=2)]

    assert listed == [["m-4", "m-3"], ["m-2", "m-1"], ["m-0"]]


async def test_a_page_of_long_dead_letters_ends_before_it_is_too_large(
    stub: Any, admin: Any, memory: MemoryDeadLetters, today: ManualClock
) -> None:
    body = "\U0001f4a3" * 300_000
    for number in range(250):
        await memory.insert(letter(f"m-{number:03}", today, body=body, body_bytes=1_200_000))

    sizes = [len(page.dead_letters) async for page in pages(stub, admin, page_size=500)]

    assert (len(sizes), sum(sizes)) == (2, 250)


async def test_each_that_was_not_sent_says_why(
    stub: Any, admin: Any, memory: MemoryDeadLetters, queue: MemoryQueue, today: ManualClock
) -> None:
    await kept(memory, today, 2)
    await memory.claim(lease_on("m-0", today), today.now())
    queue.full = True

    request = pb.RedriveDeadLettersRequest(message_ids=["nobody", "m-0", "m-1"])
    answer = await stub.RedriveDeadLetters(request, metadata=admin)

    reasons = {failure.message_id: failure.reason for failure in answer.failures}
    assert answer.sent_count == 0
    assert reasons == {
        "nobody": pb.RedriveFailure.NOT_FOUND,
        "m-0": pb.RedriveFailure.BEING_REDRIVEN,
        "m-1": pb.RedriveFailure.QUEUE_REFUSED,
    }
    assert all(failure.description for failure in answer.failures)


async def test_all_takes_the_oldest_hundred(
    stub: Any, admin: Any, memory: MemoryDeadLetters, queue: MemoryQueue, today: ManualClock
) -> None:
    await kept(memory, today, 101)

    answer = await stub.RedriveDeadLetters(pb.RedriveDeadLettersRequest(all=True), metadata=admin)

    assert (answer.sent_count, answer.has_more, len(queue)) == (100, True, 100)


@pytest.mark.parametrize(
    "request_",
    [
        pb.RedriveDeadLettersRequest(),
        pb.RedriveDeadLettersRequest(message_ids=["m-1"], all=True),
        pb.RedriveDeadLettersRequest(message_ids=[f"m-{number}" for number in range(101)]),
    ],
)
async def test_a_redrive_says_exactly_what_it_wants(
    stub: Any, admin: Any, request_: pb.RedriveDeadLettersRequest
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.RedriveDeadLetters(request_, metadata=admin)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in read_details(caught.value).violations] == ["message_ids"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListDeadLettersRequest(page_token="bm9uc2Vuc2U="), "page_token"),
        (pb.ListDeadLettersRequest(page_size=-1), "page_size"),
        (pb.ListDeadLettersRequest(state=99), "state"),  # type: ignore[arg-type] # what a newer client may send
    ],
)
async def test_a_list_that_cannot_be_is_refused(
    stub: Any, admin: Any, request_: pb.ListDeadLettersRequest, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListDeadLetters(request_, metadata=admin)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in read_details(caught.value).violations] == [field]


async def test_deleting_works_once(stub: Any, admin: Any, memory: MemoryDeadLetters, today: ManualClock) -> None:
    await memory.insert(letter("m-1", today))
    await stub.DeleteDeadLetter(pb.DeleteDeadLetterRequest(message_id="m-1"), metadata=admin)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.DeleteDeadLetter(pb.DeleteDeadLetterRequest(message_id="m-1"), metadata=admin)

    details = read_details(caught.value)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert (details.reason, details.metadata) == ("DEAD_LETTER_NOT_FOUND", {"message_id": "m-1"})


async def test_what_is_being_sent_is_not_deleted(
    stub: Any, admin: Any, memory: MemoryDeadLetters, today: ManualClock
) -> None:
    await memory.insert(letter("m-1", today))
    await memory.claim(lease_on("m-1", today), today.now())

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.DeleteDeadLetter(pb.DeleteDeadLetterRequest(message_id="m-1"), metadata=admin)

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert read_details(caught.value).reason == "DEAD_LETTER_BEING_REDRIVEN"


async def test_only_admins_have_to_do_with_dead_letters(stub: Any, issuer: TestIssuer) -> None:
    asked = [
        (stub.ListDeadLetters, pb.ListDeadLettersRequest()),
        (stub.RedriveDeadLetters, pb.RedriveDeadLettersRequest(all=True)),
        (stub.DeleteDeadLetter, pb.DeleteDeadLetterRequest(message_id="m-1")),
    ]
    for method, request in asked:
        for metadata in ((), bearer(issuer.user("ada")), bearer(issuer.service("orders"))):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await method(request, metadata=metadata)
            assert caught.value.code() in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}

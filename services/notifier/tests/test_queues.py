"""What every queue does: the one in memory, and SQS's by a real moto server."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from chassis.aws import AwsConfig, open_aws_client
from chassis.config import Secret
from chassis.testing import ManualClock
from services.notifier.errors import QueueRefused, QueueUnavailable
from services.notifier.memory_queue import MemoryQueue
from services.notifier.queue import DeadLetterQueue, Message, Queue, RedriveQueue
from services.notifier.sqs_queue import SqsDeadLetterQueue, SqsQueue, SqsRedriveQueue
from services.notifier.tests.scene import Aws

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Filled:
    """A queue and how to put a message in."""

    queue: Queue
    send: Callable[[str], Awaitable[str]]

    async def receive(self, count: int) -> list[Message]:
        """Receive until there are ``count``: SQS may answer fewer at once."""
        received: list[Message] = []
        while len(received) < count:
            received.extend(await self.queue.receive(count - len(received)))
        return received


@pytest.fixture(params=["memory", "sqs"])
def filled(request: pytest.FixtureRequest, clock: ManualClock) -> Filled:
    attributes = {"type": "order.created", "schema_version": "1", "traceparent": TRACEPARENT}
    if request.param == "memory":
        memory = MemoryQueue(clock)
        return Filled(memory, lambda body: memory.send(body, attributes))
    aws: Aws = request.getfixturevalue("aws_clients")
    return Filled(SqsQueue(aws.sqs, aws.queue_url, 30), lambda body: aws.send(body, **attributes))


async def test_a_message_comes_with_its_body_and_attributes(filled: Filled) -> None:
    message_id = await filled.send("hello")

    (message,) = await filled.receive(1)

    assert (message.message_id, message.body, message.receive_count) == (message_id, "hello", 1)
    assert message.attributes == {"type": "order.created", "schema_version": "1", "traceparent": TRACEPARENT}


async def test_no_more_come_than_there_is_room_for(filled: Filled) -> None:
    for number in range(3):
        await filled.send(str(number))

    assert 1 <= len(await filled.queue.receive(2)) <= 2


async def test_what_was_given_back_comes_again_and_is_counted(filled: Filled) -> None:
    await filled.send("hello")
    (first,) = await filled.receive(1)

    await filled.queue.give_back(first, 0)
    (second,) = await filled.receive(1)

    assert (second.message_id, second.receive_count) == (first.message_id, 2)
    assert second.receipt != first.receipt


async def test_what_was_deleted_does_not_come_again(filled: Filled) -> None:
    for body in ("done", "not done"):
        await filled.send(body)
    received = {message.body: message for message in await filled.receive(2)}

    await filled.queue.delete(received["done"])
    for message in received.values():
        await filled.queue.give_back(message, 0)

    (again,) = await filled.receive(1)
    assert again.body == "not done"


async def test_hiding_more_than_ten_and_none_works(filled: Filled) -> None:
    for number in range(12):
        await filled.send(str(number))
    received = await filled.receive(12)

    await filled.queue.extend(received)
    await filled.queue.extend([])


async def test_a_delivery_that_the_queue_no_longer_knows_is_no_error(filled: Filled) -> None:
    await filled.send("hello")
    (message,) = await filled.receive(1)
    await filled.queue.delete(message)

    await filled.queue.extend([message])
    await filled.queue.give_back(message, 0)
    await filled.queue.delete(message)


async def test_what_is_sent_again_comes_with_its_body_and_attributes(clock: ManualClock, aws_clients: Aws) -> None:
    attributes = {"type": "order.created", "x.y": "z"}
    body = "\t\r\n\x85\ufffd\U0010ffff {no JSON"
    memory = MemoryQueue(clock)
    sqs = SqsQueue(aws_clients.sqs, aws_clients.queue_url, 30)
    redriving: list[tuple[RedriveQueue, Queue]] = [
        (memory, memory),
        (SqsRedriveQueue(aws_clients.sqs, aws_clients.queue_url), sqs),
    ]

    for sender, queue in redriving:
        for sent in (attributes, {}):
            message_id = await sender.send(body, sent)
            (message,) = await queue.receive(1)

            assert (message.message_id, message.body, message.attributes) == (message_id, body, sent)


async def test_what_is_removed_from_the_dead_letters_does_not_come_again(clock: ManualClock, aws_clients: Aws) -> None:
    memory = MemoryQueue(clock)
    await memory.send("dead", {"type": "order.created"})
    await aws_clients.send("dead", type="order.created")
    queues: list[DeadLetterQueue] = [memory, SqsDeadLetterQueue(aws_clients.sqs, aws_clients.queue_url, 30)]

    for queue in queues:
        (message,) = await queue.take(10)
        await queue.remove(message)

        assert (message.body, message.attributes) == ("dead", {"type": "order.created"})
    assert (len(memory), await aws_clients.counts()) == (0, (0, 0))


async def test_an_answer_that_says_no_is_told_from_no_answer(clock: ManualClock, aws_clients: Aws) -> None:
    memory = MemoryQueue(clock, full=True)
    gone = SqsRedriveQueue(aws_clients.sqs, f"{aws_clients.queue_url}-moved")
    refusing: list[RedriveQueue] = [memory, gone]

    for queue in refusing:
        with pytest.raises(QueueRefused):
            await queue.send("hello", {})


async def test_sqs_hides_what_is_in_flight_and_shows_what_was_given_back(aws_clients: Aws) -> None:
    queue = SqsQueue(aws_clients.sqs, aws_clients.queue_url, 30)
    await aws_clients.send("hello")
    (message,) = await queue.receive(10)
    in_flight = await aws_clients.counts()

    await queue.give_back(message, 0)

    assert (in_flight, await aws_clients.counts()) == ((0, 1), (1, 0))


async def test_a_queue_that_is_not_there_is_unavailable(aws_clients: Aws) -> None:
    queue = SqsQueue(aws_clients.sqs, f"{aws_clients.queue_url}-moved", 30)

    with pytest.raises(QueueUnavailable, match=r"SQS answers .*NonExistentQueue"):
        await queue.receive(1)


async def test_an_sqs_that_is_down_is_unavailable() -> None:
    nowhere = "http://127.0.0.1:1"
    config = AwsConfig("us-east-1", "local", Secret("local"), None, (("sqs", nowhere), ("sesv2", nowhere)))
    async with open_aws_client(config, "sqs", attempts_max=1, read_timeout_seconds=1) as sqs:
        queue_url = f"{nowhere}/123456789012/orders"
        queue = SqsQueue(sqs, queue_url, 30)
        message = Message("m-1", "receipt", "hello")

        dead, redrive = SqsDeadLetterQueue(sqs, queue_url, 30), SqsRedriveQueue(sqs, queue_url)
        asked: list[Awaitable[object]] = [
            queue.receive(1),
            queue.extend([message]),
            queue.give_back(message, 0),
            queue.delete(message),
        ]
        asked += [dead.take(1), dead.remove(message), redrive.send("hello", {})]

        for question in asked:
            with pytest.raises(QueueUnavailable, match="does not answer") as caught:
                await question
            assert not isinstance(caught.value, QueueRefused), "it may have happened"

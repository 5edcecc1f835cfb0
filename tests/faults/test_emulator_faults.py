"""Each fault of the rig's SQS and SES does what it says, is counted, and can be switched off."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
import uvloop
from aiohttp import ClientSession
from botocore.exceptions import BotoCoreError, ClientError

from chassis.aws import open_aws_client
from services.notifier.mail import Mail, render
from services.notifier.notification import Kind
from services.notifier.tests.scene import order
from tests.faults.rig.emulator import AwsEmulator, Faults, open_emulator

ANSWER_SECONDS = 30
PATIENCE_SECONDS = 20.0
SEED = 7
ORDER_ID = "ab12cd34ef567890"


@dataclass
class Scene:
    """The emulator without faults and without messages, and clients that try once."""

    aws: AwsEmulator
    random: Random
    sqs: Any
    ses: Any

    @property
    def url(self) -> str:
        return self.aws.queue.url

    async def send(self, *event_ids: str) -> list[str]:
        """The event ids that SQS says it has."""
        entries = [{"Id": str(number), "MessageBody": body(event_id)} for number, event_id in enumerate(event_ids)]
        answer = await self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
        return [event_ids[int(sent["Id"])] for sent in answer["Successful"]]

    async def receive(self, count_max: int = 10, **options: Any) -> list[dict[str, Any]]:
        options = {"QueueUrl": self.url, "MaxNumberOfMessages": count_max, **options}
        messages: list[dict[str, Any]] = (await self.sqs.receive_message(**options)).get("Messages", [])
        return messages

    async def delete(self, message: dict[str, Any]) -> None:
        await self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    async def mail(self, recipient: str = "ada@example.com") -> str:
        simple = {
            "Subject": {"Data": MAIL.subject},
            "Body": {"Text": {"Data": MAIL.text}, "Html": {"Data": MAIL.html}},
        }
        answer = await self.ses.send_email(
            FromEmailAddress=self.aws.local.sender_email,
            Destination={"ToAddresses": [recipient]},
            Content={"Simple": simple},
        )
        message_id: str = answer["MessageId"]
        return message_id


MAIL: Mail = render(order(ORDER_ID, Kind.CANCELLED))


def body(event_id: str) -> str:
    return json.dumps({"eventId": event_id, "type": "CREATED", "orderId": "o-1", "version": 1})


@pytest.fixture(scope="module")
async def opened() -> AsyncIterator[Scene]:
    random = Random()
    async with (
        open_emulator(random) as aws,
        open_aws_client(aws.local.config, "sqs", attempts_max=1, read_timeout_seconds=ANSWER_SECONDS) as sqs,
        open_aws_client(aws.local.config, "sesv2", attempts_max=1, read_timeout_seconds=ANSWER_SECONDS) as ses,
    ):
        yield Scene(aws, random, sqs, ses)


@pytest.fixture
def scene(opened: Scene) -> Scene:
    aws = opened.aws
    opened.random.seed(SEED)
    vars(aws.faults).update(vars(Faults()))
    for queue in (aws.queue, aws.dead_letters):
        queue.purge()
    for seen in (aws.mails, aws.mail_requests, aws.traffic.published, aws.traffic.deliveries, aws.injected):
        seen.clear()
    return opened


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


async def cut(call: Awaitable[object]) -> None:
    """``call`` ends without an answer."""
    with pytest.raises((BotoCoreError, OSError)):
        await call


async def refused(call: Awaitable[object]) -> tuple[str, int]:
    """The code and the HTTP status of the answer."""
    with pytest.raises(ClientError) as caught:
        await call
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


async def test_without_faults_every_event_and_mail_is_seen_once(scene: Scene) -> None:
    await scene.send("a", "b")
    for message in await scene.receive():
        await scene.delete(message)
    message_id = await scene.mail()

    assert scene.aws.traffic.published == scene.aws.traffic.deliveries == {"a": 1, "b": 1}
    (mail,) = scene.aws.mails
    assert scene.aws.mail_requests == [mail]
    assert (mail.recipient, mail.order_id, mail.kind) == ("ada@example.com", ORDER_ID, Kind.CANCELLED)
    assert (mail.message_id, mail.subject, mail.html) == (message_id, MAIL.subject, MAIL.html)
    assert mail.accepted
    assert mail.answered
    assert not scene.aws.injected


async def test_what_is_no_event_is_a_message_but_not_published(scene: Scene) -> None:
    for poison in ("not JSON", "[]", '{"eventId": 7}'):
        await scene.sqs.send_message(QueueUrl=scene.url, MessageBody=poison)

    assert (scene.aws.queue.waiting, scene.aws.traffic.published) == (3, {})
    assert scene.aws.queue.bodies() == ["not JSON", "[]", '{"eventId": 7}']


async def test_a_mail_that_is_none_of_ours_has_no_order(scene: Scene) -> None:
    words = {"Data": "Order x"}
    await scene.ses.send_email(
        FromEmailAddress=scene.aws.local.sender_email,
        Destination={"ToAddresses": ["ada@example.com"]},
        Content={"Simple": {"Subject": words, "Body": {"Text": words}}},
    )

    (mail,) = scene.aws.mails
    assert (mail.order_id, mail.kind) == ("", None)


async def test_a_duplicate_has_the_same_id_and_must_be_deleted_too(scene: Scene) -> None:
    scene.aws.faults.duplicate_share = 1.0

    assert await scene.send("a") == ["a"]
    first, second = await scene.receive()
    await scene.delete(first)

    assert (first["MessageId"], first["Body"]) == (second["MessageId"], second["Body"])
    assert (scene.aws.queue.waiting, scene.aws.queue.in_flight) == (0, 1)
    assert (scene.aws.traffic.published["a"], scene.aws.traffic.deliveries["a"]) == (1, 2)
    assert scene.aws.injected == {"duplicate": 1}


async def test_messages_are_taken_from_the_whole_window_and_no_further(scene: Scene) -> None:
    names = [str(number) for number in range(10)]
    await scene.send(*names)
    scene.aws.faults.reorder_window = 4

    received = [json.loads(message["Body"])["eventId"] for message in await scene.receive()]

    assert sorted(received) == names
    assert received != names
    assert all(int(name) < place + 4 for place, name in enumerate(received))
    assert scene.aws.injected["reorder"]


async def test_a_delete_is_done_although_its_answer_is_lost(scene: Scene) -> None:
    await scene.send("a")
    (message,) = await scene.receive()
    scene.aws.faults.lost_delete_share = 1.0

    await cut(scene.delete(message))

    assert (scene.aws.queue.waiting, scene.aws.queue.in_flight) == (0, 0)
    assert scene.aws.injected == {"lost_delete": 1}


async def test_what_was_deleted_comes_back_later_and_only_once(scene: Scene) -> None:
    await scene.send("a")
    (message,) = await scene.receive()
    scene.aws.faults.resurrect_share, scene.aws.faults.resurrect_seconds = 1.0, 0.05

    await scene.delete(message)
    scene.aws.faults.resurrect_share = 0.0
    back, *more = await scene.receive(WaitTimeSeconds=3, MessageSystemAttributeNames=["All"])
    await scene.delete(back)

    assert (back["MessageId"], more, scene.aws.injected) == (message["MessageId"], [], {"resurrect": 1})
    assert back["Attributes"]["ApproximateReceiveCount"] == "2"
    assert scene.aws.queue.messages() == []


async def test_an_entry_fails_without_being_done_and_the_others_are(scene: Scene) -> None:
    scene.aws.faults.failed_entry_share = 0.5
    names = [str(number) for number in range(10)]

    sent = await scene.send(*names)

    failed = scene.aws.injected["failed_entry"]
    assert 0 < failed < len(names)
    assert len(sent) == len(names) - failed
    assert sorted(scene.aws.traffic.published) == sorted(sent)


async def test_a_failed_entry_is_nobodys_fault(scene: Scene) -> None:
    await scene.send("a")
    (message,) = await scene.receive()
    scene.aws.faults.failed_entry_share = 1.0

    answer = await scene.sqs.delete_message_batch(
        QueueUrl=scene.url, Entries=[{"Id": "x", "ReceiptHandle": message["ReceiptHandle"]}]
    )

    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("x", "InternalError", False)
    assert scene.aws.queue.in_flight == 1


@pytest.mark.parametrize(("fault", "sent"), [("cut_before_share", 0), ("cut_after_share", 1)])
async def test_a_request_is_cut_before_or_after_it_is_done(scene: Scene, fault: str, sent: int) -> None:
    setattr(scene.aws.faults, fault, 1.0)

    await cut(scene.send("a"))

    assert (scene.aws.queue.waiting, scene.aws.injected) == (sent, {fault.removesuffix("_share"): 1})


async def test_what_was_received_and_cut_is_in_flight(scene: Scene) -> None:
    await scene.send("a")
    scene.aws.faults.cut_after_share = 1.0

    await cut(scene.receive())

    assert (scene.aws.queue.waiting, scene.aws.queue.in_flight) == (0, 1)


@pytest.mark.parametrize(
    ("fault", "answers"),
    [
        ("unavailable_share", {("ServiceUnavailable", 503)}),
        ("throttle_share", {("ThrottlingException", 400), ("RequestThrottled", 403)}),
    ],
)
async def test_a_request_is_refused_and_not_done(scene: Scene, fault: str, answers: set[tuple[str, int]]) -> None:
    setattr(scene.aws.faults, fault, 1.0)

    assert {await refused(scene.send("a")) for _ in range(20)} == answers
    assert scene.aws.queue.waiting == 0


async def test_a_delayed_request_is_done_although_its_client_left(scene: Scene) -> None:
    scene.aws.faults.delay_seconds = 0.3
    calls = [asyncio.create_task(scene.send(name)) for name in "abc"]
    await until(lambda: scene.aws.injected["delay"] == len(calls))

    for call in calls:
        call.cancel()

    await until(lambda: scene.aws.queue.waiting == len(calls))


async def test_a_receive_ends_when_its_client_leaves(scene: Scene) -> None:
    poll = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
    await until(lambda: scene.aws.queue.pollers == 1)

    poll.cancel()
    await until(lambda: scene.aws.queue.pollers == 0)
    await scene.send("a")

    assert scene.aws.queue.waiting == 1


async def test_while_sqs_is_down_everything_is_cut_and_polls_that_wait_too(scene: Scene) -> None:
    poll = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
    await until(lambda: scene.aws.queue.pollers == 1)

    scene.aws.faults.sqs_down = True
    await cut(poll)
    await cut(scene.send("a"))
    await scene.mail()
    scene.aws.faults.sqs_down = False

    assert await scene.send("b") == ["b"]
    assert scene.aws.injected == {"sqs_down": 2}


async def test_while_ses_is_down_no_mail_is_accepted_and_no_identity_is_known(scene: Scene) -> None:
    scene.aws.faults.ses_down = True

    await cut(scene.mail())
    await cut(scene.ses.get_email_identity(EmailIdentity=scene.aws.local.sender_email))
    assert await scene.send("a") == ["a"]
    scene.aws.faults.ses_down = False
    await scene.mail()

    assert [mail.accepted for mail in scene.aws.mail_requests] == [False, True]


@pytest.mark.parametrize(("fault", "accepted"), [("mail_cut_before_share", 0), ("mail_lost_answer_share", 1)])
async def test_a_mail_is_cut_before_it_is_accepted_or_its_answer_is_lost(
    scene: Scene, fault: str, accepted: int
) -> None:
    setattr(scene.aws.faults, fault, 1.0)

    await cut(scene.mail())

    (mail,) = scene.aws.mail_requests
    assert (len(scene.aws.mails), mail.answered, mail.order_id) == (accepted, False, ORDER_ID)


@pytest.mark.parametrize(
    ("fault", "answers"),
    [
        ("mail_unavailable_share", {("ServiceUnavailableException", 503)}),
        ("mail_throttle_share", {("TooManyRequestsException", 429), ("ThrottlingException", 400)}),
    ],
)
async def test_a_mail_is_refused_and_not_accepted(scene: Scene, fault: str, answers: set[tuple[str, int]]) -> None:
    setattr(scene.aws.faults, fault, 1.0)

    assert {await refused(scene.mail()) for _ in range(20)} == answers
    assert scene.aws.mails == []
    assert {mail.answered for mail in scene.aws.mail_requests} == {True}


async def test_a_delayed_mail_is_accepted_although_its_client_left_and_is_not_answered(scene: Scene) -> None:
    scene.aws.faults.mail_delay_seconds = 3.0
    call = asyncio.create_task(scene.mail())
    await until(lambda: scene.aws.injected["mail_delay"] == 1)

    call.cancel()

    await until(lambda: len(scene.aws.mails) == 1)
    assert not scene.aws.mails[0].answered


async def test_the_same_seed_gives_the_same_faults_and_ids() -> None:
    async def answers(seed: int) -> list[str]:
        async with open_emulator(Random(seed)) as aws, ClientSession() as http:
            aws.faults.duplicate_share = aws.faults.failed_entry_share = 0.5
            entries = [{"Id": str(number), "MessageBody": "x"} for number in range(10)]
            request = {"QueueUrl": aws.queue.url, "Entries": entries}
            headers = {"X-Amz-Target": "AmazonSQS.SendMessageBatch"}
            async with http.post(aws.local.endpoint_url, json=request, headers=headers) as answer:
                return [await answer.text(), str(aws.injected), str(aws.queue.waiting)]

    assert await answers(3) == await answers(3) != await answers(4)


def test_it_runs_on_the_event_loop_of_the_rig() -> None:
    async def send_and_receive() -> tuple[list[str], int]:
        async with (
            open_emulator(Random(SEED)) as aws,
            open_aws_client(aws.local.config, "sqs", attempts_max=1, read_timeout_seconds=ANSWER_SECONDS) as sqs,
        ):
            scene = Scene(aws, Random(SEED), sqs, None)
            poll = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
            await until(lambda: aws.queue.pollers == 1)
            await scene.send("a")
            (message,) = await poll
            await sqs.change_message_visibility(
                QueueUrl=scene.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=1
            )
            (again,) = await scene.receive(WaitTimeSeconds=3)
            return [again["Body"]], aws.queue.in_flight

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(send_and_receive()) == ([body("a")], 1)

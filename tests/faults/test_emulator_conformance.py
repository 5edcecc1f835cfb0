"""The rig's SQS and SES do what moto's do, seen through the client that our services use.

Where moto is not like AWS, the emulator is like AWS, and the difference is named in :data:`NOT_LIKE_AWS`.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from chassis.aws import open_aws_client
from deploy.local.moto_server import LocalAws, provision
from tests.faults.rig.emulator import AwsEmulator, open_emulator

PATIENCE_SECONDS = 10.0
LONG = 20
"""A long poll in seconds: what ends sooner ended for a reason."""

NOT_LIKE_AWS = {
    "a stale receipt": "moto deletes the message; AWS answers success and keeps it",
    "visibility by a stale receipt": "moto changes it; AWS has it in Failed as InvalidParameterValue",
    "visibility of a visible message": "moto changes it; AWS has MessageNotInflight",
    "two ids alike": "moto looks at the receipts of a batch that deletes, not at its ids; AWS at the ids",
    "many deletions": "moto takes more than ten in a batch that deletes; AWS refuses",
    "an older name": "moto leaves AWS.SimpleQueueService. out of some codes",
    "control characters": "moto takes them in a body; AWS refuses them",
    "an identity": "moto verifies it, but says VerifiedForSendingStatus false, and makes it again and again",
    "where a dead letter comes from": "moto has no DeadLetterQueueSourceArn",
}


@dataclass
class Cloud:
    """Clients of one of the two, and queues of a test's own."""

    local: LocalAws
    sqs: Any
    ses: Any
    is_like_aws: bool
    """Not where :data:`NOT_LIKE_AWS` says so."""

    async def queue(self, **attributes: str) -> str:
        url: str = (await self.sqs.create_queue(QueueName=f"test-{uuid4().hex}", Attributes=attributes))["QueueUrl"]
        return url

    async def send(self, url: str, *bodies: str) -> list[str]:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = await self.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        return [sent["MessageId"] for sent in answer["Successful"]]

    async def receive(self, url: str, count_max: int = 10, **options: Any) -> list[dict[str, Any]]:
        answer = await self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count_max, **options)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    async def counts(self, url: str) -> tuple[int, int]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        waiting, in_flight = (int(answer["Attributes"][name]) for name in names)
        return waiting, in_flight

    async def attribute(self, url: str, name: str) -> str:
        answer = await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        value: str = answer["Attributes"][name]
        return value

    async def pair(self, receive_count_max: int) -> tuple[str, str]:
        """A queue and its dead-letter queue."""
        dead_letters = await self.queue()
        arn = await self.attribute(dead_letters, "QueueArn")
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receive_count_max})
        return await self.queue(RedrivePolicy=policy), dead_letters


@pytest.fixture(scope="module")
async def emulator() -> AsyncIterator[AwsEmulator]:
    async with open_emulator(Random(1)) as emulator:
        yield emulator


@pytest.fixture(scope="module", params=["aws", "emulator"])
def there(request: pytest.FixtureRequest) -> LocalAws | AwsEmulator:
    """A moto server and the emulator, one after the other."""
    there: LocalAws | AwsEmulator = request.getfixturevalue(request.param)
    return there


@pytest.fixture(scope="module")
async def cloud(there: LocalAws | AwsEmulator) -> AsyncIterator[Cloud]:
    local = there.local if isinstance(there, AwsEmulator) else there
    async with (
        open_aws_client(local.config, "sqs", attempts_max=1, read_timeout_seconds=LONG + 5) as sqs,
        open_aws_client(local.config, "sesv2", attempts_max=1, read_timeout_seconds=LONG) as ses,
    ):
        yield Cloud(local, sqs, ses, is_like_aws=isinstance(there, AwsEmulator))


async def refusal(call: Awaitable[object]) -> str:
    """The last part of the code that ``call`` is refused with: older names have a prefix."""
    with pytest.raises(ClientError) as caught:
        await call
    return caught.value.response["Error"]["Code"].rpartition(".")[2]


def bodies(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [message["Body"] for message in messages]


async def test_a_message_is_received_as_it_was_sent_and_is_gone_once_deleted(cloud: Cloud) -> None:
    url = await cloud.queue()

    sent = await cloud.sqs.send_message(QueueUrl=url, MessageBody="grüße 🎁")
    (message,) = await cloud.receive(url)
    await cloud.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    digest = hashlib.md5("grüße 🎁".encode(), usedforsecurity=False).hexdigest()
    assert (message["Body"], message["MessageId"]) == ("grüße 🎁", sent["MessageId"])
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"] == digest
    assert "Attributes" not in message
    assert await cloud.counts(url) == (0, 0)


async def test_attributes_come_when_they_are_asked_for_with_a_digest_of_what_came(cloud: Cloud) -> None:
    url = await cloud.queue()
    attributes = {
        "type": {"DataType": "String", "StringValue": "created"},
        "trace.id": {"DataType": "String", "StringValue": "00-ab-cd"},
        "trace.bits": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "version": {"DataType": "Number", "StringValue": "1"},
    }
    sent = await cloud.sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)

    async def received(*names: str) -> dict[str, Any]:
        (message,) = await cloud.receive(url, VisibilityTimeout=0, MessageAttributeNames=list(names))
        return message

    everything, some, one, none = [await received(*names) for names in (["All"], ["trace.*"], ["version", "other"], [])]

    assert everything["MessageAttributes"] == attributes
    assert everything["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert sent["MD5OfMessageAttributes"] == "d82353ddb9acc67199eabf28932413ed"
    assert set(some["MessageAttributes"]) == {"trace.id", "trace.bits"}
    assert some["MD5OfMessageAttributes"] != sent["MD5OfMessageAttributes"]
    assert set(one["MessageAttributes"]) == {"version"}
    assert "MessageAttributes" not in none


async def test_what_is_hidden_or_delayed_shows_when_its_time_comes(cloud: Cloud) -> None:
    received, set_later, delayed, empty = [await cloud.queue(VisibilityTimeout="600") for _ in range(4)]
    await cloud.sqs.set_queue_attributes(QueueUrl=set_later, Attributes={"VisibilityTimeout": "1"})
    for url in (received, set_later):
        await cloud.send(url, "x")
    await cloud.sqs.send_message(QueueUrl=delayed, MessageBody="x", DelaySeconds=1)

    (first,) = await cloud.receive(received, VisibilityTimeout=1, MessageSystemAttributeNames=["All"])
    assert bodies(await cloud.receive(set_later)) == ["x"]
    at_once = [await cloud.receive(url) for url in (received, set_later, delayed)]
    ((second,), *others, nothing) = await asyncio.gather(
        cloud.receive(received, WaitTimeSeconds=LONG, MessageSystemAttributeNames=["ApproximateReceiveCount"]),
        cloud.receive(set_later, WaitTimeSeconds=LONG),
        cloud.receive(delayed, WaitTimeSeconds=LONG),
        cloud.receive(empty, WaitTimeSeconds=1),
    )

    assert at_once == [[], [], []]
    assert ([bodies(messages) for messages in others], nothing) == ([["x"], ["x"]], [])
    assert first["MessageId"] == second["MessageId"]
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    assert set(first["Attributes"]) >= {"SenderId", "SentTimestamp", "ApproximateFirstReceiveTimestamp"}
    assert second["Attributes"] == {"ApproximateReceiveCount": "2"}


async def test_visibility_is_taken_back_and_prolonged(cloud: Cloud) -> None:
    url = await cloud.queue(VisibilityTimeout="600")
    await cloud.send(url, "given back", "kept")
    messages = await cloud.receive(url)
    given_back, kept = (message["ReceiptHandle"] for message in sorted(messages, key=lambda message: message["Body"]))

    await cloud.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=given_back, VisibilityTimeout=0)
    answer = await cloud.sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[{"Id": "a", "ReceiptHandle": kept, "VisibilityTimeout": 900}]
    )

    assert answer["Successful"] == [{"Id": "a"}]
    assert bodies(await cloud.receive(url)) == ["given back"]
    assert await cloud.counts(url) == (0, 2)


async def test_a_message_without_visibility_stays_where_it_is(cloud: Cloud) -> None:
    url = await cloud.queue()
    await cloud.send(url, "x")

    first, second = [await cloud.receive(url, VisibilityTimeout=0) for _ in range(2)]

    assert len(first) == len(second) == 1
    assert await cloud.counts(url) == (1, 0)


async def test_a_delayed_message_is_counted_as_such(cloud: Cloud) -> None:
    url = await cloud.queue()

    await cloud.sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=600)

    assert await cloud.attribute(url, "ApproximateNumberOfMessagesDelayed") == "1"
    assert await cloud.counts(url) == (0, 0)


async def test_a_batch_says_of_each_entry_whether_it_was_done(cloud: Cloud) -> None:
    url = await cloud.queue()
    await cloud.send(url, "x")
    (message,) = await cloud.receive(url)
    receipts = {"good": message["ReceiptHandle"], "bad": "no-receipt"}
    entries = [{"Id": name, "ReceiptHandle": receipt} for name, receipt in receipts.items()]

    hidden = await cloud.sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[entry | {"VisibilityTimeout": 9} for entry in entries]
    )
    deleted = await cloud.sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    for answer in (hidden, deleted):
        assert answer["Successful"] == [{"Id": "good"}]
        (failed,) = answer["Failed"]
        assert (failed["Id"], failed["SenderFault"], failed["Code"]) == ("bad", True, "ReceiptHandleIsInvalid")


async def test_a_bad_entry_stops_no_other(cloud: Cloud) -> None:
    url = await cloud.queue()
    entries = [{"Id": "late", "MessageBody": "x", "DelaySeconds": 901}, {"Id": "now", "MessageBody": "y"}]

    answer = await cloud.sqs.send_message_batch(QueueUrl=url, Entries=entries)

    assert [sent["Id"] for sent in answer["Successful"]] == ["now"]
    assert [(failed["Id"], failed["SenderFault"]) for failed in answer["Failed"]] == [("late", True)]
    assert bodies(await cloud.receive(url)) == ["y"]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(number), "MessageBody": "x"} for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "y"}], "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        ([{"Id": name, "MessageBody": "x" * 600_000} for name in "ab"], "BatchRequestTooLong"),
    ],
    ids=["empty", "eleven", "twins", "id", "long"],
)
async def test_a_bad_batch_is_refused_as_a_whole(cloud: Cloud, entries: list[dict[str, str]], code: str) -> None:
    url = await cloud.queue()

    assert await refusal(cloud.sqs.send_message_batch(QueueUrl=url, Entries=entries)) == code
    assert await cloud.counts(url) == (0, 0)


async def test_a_message_has_a_longest_size(cloud: Cloud) -> None:
    url = await cloud.queue()

    code = await refusal(cloud.sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_577))

    assert code == "InvalidParameterValue"


@pytest.mark.parametrize(
    "options", [{"MaxNumberOfMessages": 11}, {"MaxNumberOfMessages": 0}, {"WaitTimeSeconds": 21}], ids=str
)
async def test_a_receive_has_limits(cloud: Cloud, options: dict[str, int]) -> None:
    url = await cloud.queue()

    assert await refusal(cloud.sqs.receive_message(QueueUrl=url, **options)) == "InvalidParameterValue"


async def test_what_is_deleted_twice_is_deleted(cloud: Cloud) -> None:
    url = await cloud.queue()
    await cloud.send(url, "x")
    (message,) = await cloud.receive(url)

    for _ in range(2):
        await cloud.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    assert await cloud.counts(url) == (0, 0)
    assert await refusal(cloud.sqs.delete_message(QueueUrl=url, ReceiptHandle="x")) == "ReceiptHandleIsInvalid"


async def test_a_message_is_deleted_by_its_last_receipt_even_when_it_waits_again(cloud: Cloud) -> None:
    url = await cloud.queue()
    await cloud.send(url, "x")
    (message,) = await cloud.receive(url, VisibilityTimeout=0)

    await cloud.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    assert await cloud.counts(url) == (0, 0)
    assert await cloud.receive(url) == []


async def test_a_stale_receipt_moves_nothing(cloud: Cloud) -> None:
    url = await cloud.queue()
    await cloud.send(url, "x")
    (first,) = await cloud.receive(url, VisibilityTimeout=0)
    await cloud.receive(url, VisibilityTimeout=600)
    stale = {"Id": "a", "ReceiptHandle": first["ReceiptHandle"]}

    hidden = await cloud.sqs.change_message_visibility_batch(QueueUrl=url, Entries=[stale | {"VisibilityTimeout": 0}])
    after_hiding = await cloud.counts(url)
    deleted = await cloud.sqs.delete_message_batch(QueueUrl=url, Entries=[stale])

    assert deleted["Successful"] == [{"Id": "a"}]
    if cloud.is_like_aws:
        assert [failed["Code"] for failed in hidden["Failed"]] == ["InvalidParameterValue"]
        assert (after_hiding, await cloud.counts(url)) == ((0, 1), (0, 1))
    else:
        assert (after_hiding, await cloud.counts(url)) == ((1, 0), (0, 0)), NOT_LIKE_AWS["a stale receipt"]


async def test_the_visibility_of_a_message_that_is_visible_cannot_be_changed(cloud: Cloud) -> None:
    url = await cloud.queue()
    await cloud.send(url, "x")
    (message,) = await cloud.receive(url, VisibilityTimeout=0)
    change = cloud.sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=600
    )

    if cloud.is_like_aws:
        assert await refusal(change) == "MessageNotInflight"
    else:
        await change
    assert await cloud.counts(url) == ((1, 0) if cloud.is_like_aws else (0, 1))


async def test_a_batch_that_deletes_has_the_limits_of_one_that_sends(cloud: Cloud) -> None:
    url = await cloud.queue()
    await cloud.send(url, "x")
    (message,) = await cloud.receive(url)
    receipt = message["ReceiptHandle"]
    eleven = [{"Id": str(number), "ReceiptHandle": f"{receipt}{number}"} for number in range(11)]
    twins = [{"Id": "a", "ReceiptHandle": receipt}, {"Id": "a", "ReceiptHandle": f"{receipt}1"}]

    assert await refusal(cloud.sqs.delete_message_batch(QueueUrl=url, Entries=[])) == "EmptyBatchRequest"
    if cloud.is_like_aws:
        for entries, code in ((eleven, "TooManyEntriesInBatchRequest"), (twins, "BatchEntryIdsNotDistinct")):
            assert await refusal(cloud.sqs.delete_message_batch(QueueUrl=url, Entries=entries)) == code


async def test_a_body_has_no_control_characters(cloud: Cloud) -> None:
    url = await cloud.queue()

    if cloud.is_like_aws:
        assert await refusal(cloud.sqs.send_message(QueueUrl=url, MessageBody="\x00")) == "InvalidMessageContents"
    await cloud.send(url, "a tab\tand\r\nlines")

    assert bodies(await cloud.receive(url)) == ["a tab\tand\r\nlines"]


async def test_what_is_received_too_often_is_a_dead_letter_with_its_id(cloud: Cloud) -> None:
    url, dead_letters = await cloud.pair(receive_count_max=2)
    (message_id,) = await cloud.send(url, "poison")
    for _ in range(2):
        assert bodies(await cloud.receive(url, VisibilityTimeout=0)) == ["poison"]

    third = await cloud.receive(url)
    (dead,) = await cloud.receive(dead_letters, MessageSystemAttributeNames=["All"])

    assert third == []
    assert (dead["MessageId"], dead["Body"]) == (message_id, "poison")
    assert dead["Attributes"]["ApproximateReceiveCount"] == "3", "it goes on counting"
    assert (await cloud.counts(url), await cloud.counts(dead_letters)) == ((0, 0), (0, 1))
    if cloud.is_like_aws:
        assert dead["Attributes"]["DeadLetterQueueSourceArn"] == await cloud.attribute(url, "QueueArn")


async def test_healthy_messages_come_in_the_place_of_poison(cloud: Cloud) -> None:
    url, _ = await cloud.pair(receive_count_max=1)
    await cloud.send(url, "poison")
    await cloud.receive(url, VisibilityTimeout=0)
    await cloud.send(url, "healthy")

    assert bodies(await cloud.receive(url)) == ["healthy"]


async def test_the_redrive_policy_is_read_back(cloud: Cloud) -> None:
    url, dead_letters = await cloud.pair(receive_count_max=7)

    policy = json.loads(await cloud.attribute(url, "RedrivePolicy"))

    arn = await cloud.attribute(dead_letters, "QueueArn")
    assert policy == {"deadLetterTargetArn": arn, "maxReceiveCount": 7}


async def test_a_long_poll_ends_when_a_message_is_sent(cloud: Cloud) -> None:
    url = await cloud.queue()

    poll = asyncio.create_task(cloud.receive(url, WaitTimeSeconds=LONG))
    await asyncio.sleep(0)  # it is under way first
    await cloud.send(url, "x")

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert bodies(await poll) == ["x"]


async def test_depths_follow_the_messages(cloud: Cloud) -> None:
    url = await cloud.queue()

    await cloud.send(url, *"abc")
    sent = await cloud.counts(url)
    (message,) = await cloud.receive(url, 1)
    received = await cloud.counts(url)
    await cloud.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    deleted = await cloud.counts(url)
    await cloud.sqs.purge_queue(QueueUrl=url)

    assert (sent, received, deleted) == ((3, 0), (2, 1), (2, 0))
    assert await cloud.counts(url) == (0, 0)
    assert await cloud.receive(url) == []


async def test_attributes_are_all_some_or_refused(cloud: Cloud) -> None:
    url = await cloud.queue()

    everything = (await cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
    nothing = await cloud.sqs.get_queue_attributes(QueueUrl=url)
    code = await refusal(cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Colour"]))

    assert set(everything) >= {"ApproximateNumberOfMessages", "QueueArn", "VisibilityTimeout", "DelaySeconds"}
    assert (nothing.get("Attributes", {}), code) == ({}, "InvalidAttributeName")


async def test_a_queue_is_made_once_and_found_by_its_name(cloud: Cloud) -> None:
    url = await cloud.queue(VisibilityTimeout="7")
    name = url.rpartition("/")[2]

    again = await cloud.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})
    found = await cloud.sqs.get_queue_url(QueueName=name)
    code = await refusal(cloud.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "8"}))

    assert again["QueueUrl"] == found["QueueUrl"] == url
    assert code == "QueueAlreadyExists"


async def test_a_queue_that_is_not_there_does_not_exist(cloud: Cloud) -> None:
    with pytest.raises(cloud.sqs.exceptions.QueueDoesNotExist) as caught:
        await cloud.send(f"{await cloud.queue()}-moved", "x")

    assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert await refusal(cloud.sqs.get_queue_url(QueueName="moved")) == "NonExistentQueue"


async def test_queues_and_sender_are_there_and_provisioning_again_changes_nothing(cloud: Cloud) -> None:
    await provision(cloud.local)

    policy = json.loads(await cloud.attribute(cloud.local.queue_url, "RedrivePolicy"))
    assert policy["deadLetterTargetArn"] == await cloud.attribute(cloud.local.dead_letter_queue_url, "QueueArn")
    assert policy["maxReceiveCount"] == 10
    sender = await cloud.ses.get_email_identity(EmailIdentity=cloud.local.sender_email)
    assert sender["VerificationStatus"] == "SUCCESS"


def mail_from(sender: str, to: str = "ada@example.com") -> dict[str, Any]:
    words = {"Data": "Hello", "Charset": "UTF-8"}
    return {
        "FromEmailAddress": sender,
        "Destination": {"ToAddresses": [to]},
        "Content": {"Simple": {"Subject": words, "Body": {"Text": words, "Html": words}}},
    }


async def test_an_identity_may_send_once_it_is_there_and_nobody_else_may(cloud: Cloud) -> None:
    sender = f"shop-{uuid4().hex}@mesh.example"

    code = await refusal(cloud.ses.get_email_identity(EmailIdentity=sender))
    with pytest.raises(cloud.ses.exceptions.MessageRejected, match="not verified"):
        await cloud.ses.send_email(**mail_from(sender))
    await cloud.ses.create_email_identity(EmailIdentity=sender)
    if cloud.is_like_aws:
        assert await refusal(cloud.ses.create_email_identity(EmailIdentity=sender)) == "AlreadyExistsException"
    identity = await cloud.ses.get_email_identity(EmailIdentity=sender)
    sent = await cloud.ses.send_email(**mail_from(f"The Shop <{sender}>"))

    assert (code, identity["VerificationStatus"]) == ("NotFoundException", "SUCCESS")
    assert identity["VerifiedForSendingStatus"] is cloud.is_like_aws
    assert sent["MessageId"]


async def test_a_verified_domain_sends_for_its_addresses(cloud: Cloud) -> None:
    domain = f"{uuid4().hex}.example"
    await cloud.ses.create_email_identity(EmailIdentity=domain)

    sent = await cloud.ses.send_email(**mail_from(f"orders@{domain}"))

    assert sent["MessageId"]

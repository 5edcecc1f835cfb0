"""What is sent is received as it was sent, when its time comes, and within limits."""

import asyncio
import hashlib
from typing import Any

import pytest

from tests.faults.conformance.cloud import LONG, Cloud, bodies, refusal

PATIENCE_SECONDS = 10.0


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


async def test_a_long_poll_ends_when_a_message_is_sent(cloud: Cloud) -> None:
    url = await cloud.queue()

    poll = asyncio.create_task(cloud.receive(url, WaitTimeSeconds=LONG))
    await asyncio.sleep(0)  # it is under way first
    await cloud.send(url, "x")

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert bodies(await poll) == ["x"]


async def test_a_message_has_a_longest_size(cloud: Cloud) -> None:
    url = await cloud.queue()

    code = await refusal(cloud.sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_577))

    assert code == "InvalidParameterValue"


async def test_a_body_has_no_control_characters(cloud: Cloud) -> None:
    url = await cloud.queue()

    if cloud.is_like_aws:
        assert await refusal(cloud.sqs.send_message(QueueUrl=url, MessageBody="\x00")) == "InvalidMessageContents"
    await cloud.send(url, "a tab\tand\r\nlines")

    assert bodies(await cloud.receive(url)) == ["a tab\tand\r\nlines"]


@pytest.mark.parametrize(
    "options", [{"MaxNumberOfMessages": 11}, {"MaxNumberOfMessages": 0}, {"WaitTimeSeconds": 21}], ids=str
)
async def test_a_receive_has_limits(cloud: Cloud, options: dict[str, int]) -> None:
    url = await cloud.queue()

    assert await refusal(cloud.sqs.receive_message(QueueUrl=url, **options)) == "InvalidParameterValue"

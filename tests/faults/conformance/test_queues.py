"""A queue is made once, is found by its name, and counts what is in it."""

import json

import pytest

from deploy.local.moto_server import provision
from tests.faults.conformance.cloud import Cloud, refusal


async def test_a_delayed_message_is_counted_as_such(cloud: Cloud) -> None:
    url = await cloud.queue()

    await cloud.sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=600)

    assert await cloud.attribute(url, "ApproximateNumberOfMessagesDelayed") == "1"
    assert await cloud.counts(url) == (0, 0)


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

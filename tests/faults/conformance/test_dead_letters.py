"""What is received too often moves to the dead-letter queue, and stands in nobody's way."""

import json

from tests.faults.conformance.cloud import Cloud, bodies


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

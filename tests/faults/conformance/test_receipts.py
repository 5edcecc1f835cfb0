"""A receipt hides a message, shows it again and deletes it, as long as it is the last one."""

from tests.faults.conformance.cloud import NOT_LIKE_AWS, Cloud, bodies, refusal


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

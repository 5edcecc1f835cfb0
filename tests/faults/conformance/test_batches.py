"""A batch is refused as a whole, or says of each entry whether it was done."""

import pytest

from tests.faults.conformance.cloud import Cloud, bodies, refusal


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

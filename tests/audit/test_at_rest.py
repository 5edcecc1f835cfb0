"""What may be under way is wrong only once all is at rest."""

import pytest

from bench.audit import Databases, Evidence, QueueDepths, always, at_rest, broken, open_queues, unsettled
from chassis.aws import open_aws_client
from chassis.mongo import Document
from deploy.local.moto_server import LocalAws
from tests.audit.scene import NOON, ORDERS, begin_again, checks

WRONG_AT_REST = [
    (ORDERS, "regretted", {"$set": {"stock": "TO_RELEASE"}}, "I4"),
    (ORDERS, "sold", {"$set": {"notification": "TO_SEND"}}, "I5"),
    (ORDERS, "sold", {"$set": {"sweep_due_time": NOON}}, "I6"),
    (ORDERS, "sold", {"$set": {"outbox_due_time": NOON}}, "I6"),
    (ORDERS, "sold", {"$set": {"pending_events": [{"event_id": "sold:1"}]}}, "I6"),
]


@pytest.mark.parametrize(("place", "document_id", "change", "check"), WRONG_AT_REST)
async def test_what_may_be_under_way_is_found_at_rest_only(
    databases: Databases, place: tuple[str, str], document_id: str, change: Document, check: str
) -> None:
    service, collection = place
    await databases[service][collection].update_one({"_id": document_id}, change)

    assert len(await unsettled(databases)) == 1
    assert (await always(databases)).findings == []
    assert checks((await at_rest(databases)).findings) == {check}


async def test_a_hold_that_nobody_follows_up_keeps_the_data_from_rest(databases: Databases) -> None:
    await databases["inventory"]["reservations"].update_one({"_id": "abandoned"}, {"$set": {"state": "HELD"}})
    held = {"$set": {"adjusted": 19, "available": 8, "reserved": 9}}
    await databases["inventory"]["items"].update_one({}, held)
    await databases["inventory"]["adjustments"].update_one({"_id.request_id": ""}, {"$set": {"delta": 21}})

    assert (await always(databases)).findings == []
    assert await unsettled(databases) == ["reservation abandoned is HELD without an order"]
    assert await broken(databases) == ["I4: reservation abandoned is HELD, its order is not there"]


async def test_an_order_that_has_not_ended_is_found_at_rest_only(databases: Databases) -> None:
    await begin_again(databases, "regretted")

    assert await unsettled(databases) == ["order regretted is PENDING"]
    assert (await always(databases)).findings == []
    assert await broken(databases) == ["I3: order regretted is PENDING and has not ended"]


async def test_a_customer_who_was_not_told_is_found(databases: Databases) -> None:
    await databases["notifier"]["notifications"].delete_one({"_id": "late:failed"})
    await databases["orders"]["orders"].update_one({"_id": "late"}, {"$set": {"notification": "TO_SEND"}})

    assert (await always(databases)).findings == []
    assert "I5: notification late:failed is not there" in await broken(databases)


@pytest.mark.parametrize(
    ("depths", "check"),
    [(QueueDepths(1, 0, 0), "I6"), (QueueDepths(0, 1, 0), "I6"), (QueueDepths(0, 0, 1), "DEAD_LETTERS")],
)
async def test_messages_that_are_left_are_found(databases: Databases, depths: QueueDepths, check: str) -> None:
    report = await at_rest(databases, Evidence(depths=depths, dead_letters_expected=0))

    assert checks(report.findings) == {check}


async def test_dead_letters_that_wait_for_a_decision_count_like_those_in_the_queue(databases: Databases) -> None:
    await databases["notifier"]["dead_letters"].insert_one({"_id": "m-2", "state": "DEAD"})
    depths = QueueDepths(0, 0, dead_letters=1)

    unexpected = await at_rest(databases, Evidence(depths=depths, dead_letters_expected=1))
    expected = await at_rest(databases, Evidence(depths=depths, dead_letters_expected=2))

    assert unexpected.findings == ["DEAD_LETTERS: there are 2 dead letters, not 1"]
    assert expected.findings == []


async def test_rest_waits_for_the_queue(databases: Databases, aws: LocalAws) -> None:
    async with (
        open_queues(aws.environment) as queues,
        open_aws_client(aws.config, "sqs", attempts_max=1, read_timeout_seconds=5) as sqs,
    ):
        before = await unsettled(databases, queues)
        await sqs.send_message(QueueUrl=aws.queue_url, MessageBody="hello")
        waiting = await unsettled(databases, queues)
        message = (await sqs.receive_message(QueueUrl=aws.queue_url))["Messages"][0]
        in_flight = await unsettled(databases, queues)
        await sqs.delete_message(QueueUrl=aws.queue_url, ReceiptHandle=message["ReceiptHandle"])
        after = await unsettled(databases, queues)

    assert before == after == []
    assert waiting == ["1 messages wait in the queue, 0 are in flight"]
    assert in_flight == ["0 messages wait in the queue, 1 are in flight"]

"""Messages that cannot be processed: they change nothing, end as dead letters, and can be sent again or deleted."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from bench.audit import open_databases
from chassis.aws import AwsConfig, open_aws_client
from chassis.config import Environment
from deploy.local.mails import Mail, received_mails
from services.orders.order import order_id_of
from tests.e2e.conftest import ANSWER_SECONDS, Shop, bearer, eventually

VICTIM = "somebody-else@example.com"


def event(order_id: str, **fields: str) -> str:
    return json.dumps({"eventId": f"{order_id}:1", "type": "CREATED", "orderId": order_id, "version": 1, **fields})


NOBODYS = "0" * 32
POISON = {
    "bytes": ("\t\r\n\x85\ufffd\U0010ffff", "MESSAGE_UNREADABLE"),
    "no JSON": ('{"orderId": ', "MESSAGE_UNREADABLE"),
    "another schema": ('{"Records": [{"s3": {"bucket": "b"}}]}', "MESSAGE_UNREADABLE"),
    "unknown order": (event(NOBODYS), "ORDER_REFUSED"),
    "another's address": (event(NOBODYS, email=VICTIM), "ORDER_REFUSED"),
}


@dataclass
class SqsQueues:
    """The stack's queues, as somebody with the rights to them sees them."""

    sqs: Any
    queue_url: str

    async def send(self, body: str, **attributes: str) -> str:
        """Put a message in; its id."""
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        answer = await self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body, MessageAttributes=typed)
        return str(answer["MessageId"])

    async def purge(self) -> None:
        await self.sqs.purge_queue(QueueUrl=self.queue_url)

    async def is_empty(self) -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        return all(answer["Attributes"][name] == "0" for name in names)

    @asynccontextmanager
    async def giving_up_after(self, receive_count_max: int) -> AsyncIterator[None]:
        """For the length of the block: the stack's own 10 take long, for each waits until the one before is visible."""
        answer = await self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["RedrivePolicy"])
        policy = answer["Attributes"]["RedrivePolicy"]
        early = json.dumps(json.loads(policy) | {"maxReceiveCount": receive_count_max})
        await self.sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"RedrivePolicy": early})
        try:
            yield
        finally:
            await self.sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"RedrivePolicy": policy})


@pytest.fixture
async def queues(shop: Shop) -> AsyncIterator[SqsQueues]:
    env = shop.stack.environment
    config = AwsConfig.read(Environment(env))
    async with open_aws_client(config, "sqs", attempts_max=1, read_timeout_seconds=ANSWER_SECONDS) as sqs:
        yield SqsQueues(sqs, env["AWS_SQS_QUEUE_URL"])


async def dead_letters(shop: Shop) -> dict[str, dict[str, Any]]:
    """What an admin sees of each, by its id."""
    answer = await shop.http.get("/api/dead-letters?pageSize=500", headers=bearer(shop.admin))
    assert answer.status_code == 200, answer.text
    return {letter["messageId"]: letter for letter in answer.json()["deadLetters"]}


async def until_dead(shop: Shop, *message_ids: str) -> dict[str, dict[str, Any]]:
    async def all_listed() -> bool:
        return (await dead_letters(shop)).keys() >= set(message_ids)

    await eventually(all_listed)
    return await dead_letters(shop)


async def redrive(shop: Shop, message_id: str) -> dict[str, Any]:
    answer = await shop.http.post(
        "/api/dead-letters/redrive", json={"messageIds": [message_id]}, headers=bearer(shop.admin)
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def mails_to(shop: Shop, address: str) -> list[Mail]:
    mails = await received_mails(shop.stack.environment["AWS_ENDPOINT_URL"])
    return [mail for mail in mails if address in mail.recipients]


async def test_poison_changes_nothing_and_is_listed_with_its_reason_while_orders_are_processed(
    shop: Shop, ada: str, queues: SqsQueues
) -> None:
    sku = await shop.item(10)

    async with queues.giving_up_after(2):
        sent = {kind: await queues.send(body, email=VICTIM) for kind, (body, _) in POISON.items()}
        order_id = (await shop.order(ada, (sku, 1))).json()["orderId"]
        await shop.settled()
        listed = await until_dead(shop, *sent.values())

    assert await shop.status(ada, order_id) == "PROCESSED"
    for kind, (body, reason) in POISON.items():
        letter = listed[sent[kind]]
        assert (letter["body"], letter["bodyBytes"]) == (body, len(body.encode()))
        assert (letter["state"], letter["reason"], letter["attempts"]) == ("DEAD", reason, 2)
        assert letter["attributes"] == {"email": VICTIM}
        assert letter["description"]
    assert await shop.stock(sku) == {"available": 9, "reserved": 0, "sold": 1}
    assert await mails_to(shop, VICTIM) == []
    nobodys = await shop.http.get(f"/api/orders/{NOBODYS}", headers=bearer(shop.admin))
    assert nobodys.status_code == 404


async def test_an_event_cannot_send_an_orders_mail_to_somebody_else(shop: Shop, queues: SqsQueues) -> None:
    token, sku = await shop.customer(), await shop.item(10)
    me = (await shop.http.get("/api/auth/me", headers=bearer(token))).json()
    order_id = (await shop.order(token, (sku, 1))).json()["orderId"]
    await shop.settled()

    await queues.send(event(order_id, email=VICTIM, recipient=VICTIM), email=VICTIM)
    await eventually(queues.is_empty)

    assert await mails_to(shop, VICTIM) == []
    assert len(await mails_to(shop, me["email"])) == 1
    assert await shop.stock(sku) == {"available": 9, "reserved": 0, "sold": 1}


async def test_redriving_a_dead_letter_heals_an_order_that_is_there_by_now(shop: Shop, queues: SqsQueues) -> None:
    """Nothing but the dead letter knows of the order: its own event is lost, and no sweep looks at it."""
    token, sku, key = await shop.customer(), await shop.item(10), uuid4().hex
    me = (await shop.http.get("/api/auth/me", headers=bearer(token))).json()
    order_id = order_id_of(me["userId"], key)
    async with queues.giving_up_after(1):
        message_id = await queues.send(event(order_id))
        await until_dead(shop, message_id)
    await shop.stack.stop("notifier")
    placed = await shop.order(token, (sku, 2), key=key)
    async with open_databases(shop.stack.environment["MONGO_URI"]) as databases:
        orders = databases["orders"]["orders"]
        await orders.update_one({"_id": order_id}, {"$unset": {"sweep_due_time": ""}})

        async def published() -> bool:
            return await orders.find_one({"_id": order_id, "pending_events": []}) is not None

        await eventually(published)
    await queues.purge()
    await shop.stack.start("notifier")
    before = await shop.status(token, order_id)

    first, second = await redrive(shop, message_id), await redrive(shop, message_id)
    await shop.settled()

    letter = (await dead_letters(shop))[message_id]
    assert (placed.json()["orderId"], before) == (order_id, "PENDING")
    assert first == {"sentCount": 1, "failures": [], "hasMore": False}
    assert [failure["reason"] for failure in second["failures"]] == ["ALREADY_REDRIVEN"]
    assert await shop.status(token, order_id) == "PROCESSED"
    assert await shop.stock(sku) == {"available": 8, "reserved": 0, "sold": 2}
    assert len(await mails_to(shop, me["email"])) == 1
    assert letter["state"] == "REDRIVEN"
    assert letter["redriveMessageId"]


async def test_what_dies_again_is_a_dead_letter_of_its_own_and_each_can_be_deleted(
    shop: Shop, ada: str, queues: SqsQueues
) -> None:
    async with queues.giving_up_after(1):
        first = await queues.send("{no JSON")
        await until_dead(shop, first)
        await redrive(shop, first)
        second = (await dead_letters(shop))[first]["redriveMessageId"]
        listed = await until_dead(shop, second)

    deleted = [
        (await shop.http.delete(f"/api/dead-letters/{message_id}", headers=bearer(token)))
        for message_id, token in ((first, ada), (first, shop.admin), (second, shop.admin), (second, shop.admin))
    ]

    assert (listed[first]["state"], listed[second]["state"]) == ("REDRIVEN", "DEAD")
    assert [answer.status_code for answer in deleted] == [403, 200, 200, 404]
    assert [answer.json() for answer in deleted[1:3]] == [{}, {}]
    assert deleted[3].json()["reason"] == "DEAD_LETTER_NOT_FOUND"
    assert (await dead_letters(shop)).keys().isdisjoint({first, second})

"""The real servers that tests and the stack run on."""

import os
from pathlib import Path

from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from chassis.aws import open_aws_client
from deploy.local.mails import received_mails
from deploy.local.mongod import mongo_uri as mongo_uri_at
from deploy.local.mongod import mongod_process
from deploy.local.moto_server import LocalAws, moto_process, moto_url
from deploy.local.ports import free_ports
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor


async def test_the_mongodb_is_a_replica_set_with_transactions(mongo_uri: str) -> None:
    async with AsyncMongoClient[dict[str, object]](mongo_uri) as client, client.start_session() as session:
        await session.with_transaction(lambda s: client.proof.things.insert_one({"_id": 1}, session=s))

        assert await client.proof.things.find_one() == {"_id": 1}

        await client.drop_database("proof")


async def test_the_redis_answers(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.ping()


async def test_the_queue_moves_poison_to_the_dead_letter_queue_after_ten_receives(aws: LocalAws) -> None:
    async with open_aws_client(aws.config, "sqs", attempts_max=1, read_timeout_seconds=5) as sqs:
        attributes = (await sqs.get_queue_attributes(QueueUrl=aws.queue_url, AttributeNames=["All"]))["Attributes"]
        dead_letters = await sqs.get_queue_attributes(QueueUrl=aws.dead_letter_queue_url, AttributeNames=["QueueArn"])

    assert attributes["VisibilityTimeout"] == "30"
    assert '"maxReceiveCount": 10' in attributes["RedrivePolicy"]
    assert dead_letters["Attributes"]["QueueArn"] in attributes["RedrivePolicy"]


async def test_a_mail_of_the_verified_sender_is_accepted_and_can_be_read(aws: LocalAws) -> None:
    body = {"Text": {"Data": "Your order is on its way."}}
    async with open_aws_client(aws.config, "sesv2", attempts_max=1, read_timeout_seconds=5) as ses:
        await ses.send_email(
            FromEmailAddress=aws.sender_email,
            Destination={"ToAddresses": ["a-reader-of-moto@example.com"]},
            Content={"Simple": {"Subject": {"Data": "Order 7"}, "Body": body}},
        )

    mail = (await received_mails(aws.endpoint_url))[-1]
    assert (mail.recipients, mail.subject) == (("a-reader-of-moto@example.com",), "Order 7")


async def test_a_kept_mongodb_that_moves_to_another_port_keeps_its_data(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    before, after = free_ports(["before", "after"]).values()
    async with Supervisor(state, print) as supervisor:
        await supervisor.start(mongod_process(os.environ, state, before))
        async with AsyncMongoClient[dict[str, object]](mongo_uri_at(before)) as client:
            await client.kept.things.insert_one({"_id": 1})

    async with Supervisor(state, print) as supervisor:
        await supervisor.start(mongod_process(os.environ, state, after))
        async with AsyncMongoClient[dict[str, object]](mongo_uri_at(after)) as client:
            found = await client.kept.things.find_one()

    assert found == {"_id": 1}


async def test_a_killed_moto_comes_back_with_its_queues(tmp_path: Path) -> None:
    port = free_ports(["moto"])["moto"]
    aws = LocalAws(moto_url(port))
    async with Supervisor(StateDirectory(tmp_path), print) as supervisor:
        await supervisor.start(moto_process(os.environ, aws, port))
        await supervisor["moto"].kill()
        await supervisor.wait_ready()

        async with open_aws_client(aws.config, "sqs", attempts_max=1, read_timeout_seconds=5) as sqs:
            urls = (await sqs.list_queues())["QueueUrls"]

    assert set(urls) == {aws.queue_url, aws.dead_letter_queue_url}

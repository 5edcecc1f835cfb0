"""A moto that lost everything is provisioned again."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chassis.aws import open_aws_client
from chassis.background import running
from chassis.config import ConfigError, Environment
from deploy.cluster import watch as watching
from deploy.cluster.watch_aws import Provisions, watch_aws
from deploy.local.moto_server import LocalAws, moto_process, moto_url
from deploy.local.ports import free_ports
from deploy.local.process import nothing
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor

SOON_SECONDS = 60.0


async def until_a_mail_is_sent(ses: Any, sender: str) -> None:
    content = {"Simple": {"Subject": {"Data": "Order 7"}, "Body": {"Text": {"Data": "On its way."}}}}
    async with asyncio.timeout(SOON_SECONDS):
        while True:
            try:
                await ses.send_email(
                    FromEmailAddress=sender, Destination={"ToAddresses": ["ada@example.com"]}, Content=content
                )
            except ses.exceptions.ClientError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_queues_and_sender_are_there_whenever_moto_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_AGAIN_SECONDS", 0.2)
    ports = free_ports(["moto", "health"])
    aws = LocalAws(moto_url(ports["moto"]))
    wanted = Provisions.read(Environment(aws.environment))
    async with (
        Supervisor(StateDirectory(tmp_path), print) as supervisor,
        running(asyncio.create_task(watch_aws(wanted, ports["health"]))),
        open_aws_client(aws.config, "sqs", attempts_max=1, read_timeout_seconds=5) as sqs,
        open_aws_client(aws.config, "sesv2", attempts_max=1, read_timeout_seconds=5) as ses,
    ):
        await supervisor.start(replace(moto_process(os.environ, aws, ports["moto"]), prepare=nothing))
        await until_a_mail_is_sent(ses, aws.sender_email)
        await supervisor["moto"].kill()
        await supervisor.wait_ready()
        await until_a_mail_is_sent(ses, aws.sender_email)
        queue = await sqs.get_queue_attributes(QueueUrl=aws.queue_url, AttributeNames=["RedrivePolicy"])
        dead_letters = await sqs.get_queue_attributes(QueueUrl=aws.dead_letter_queue_url, AttributeNames=["QueueArn"])

    assert dead_letters["Attributes"]["QueueArn"] in queue["Attributes"]["RedrivePolicy"]


def test_nothing_is_provisioned_in_the_real_aws() -> None:
    keys = LocalAws("http://moto:5000").environment
    del keys["AWS_ENDPOINT_URL"]

    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL is missing"):
        Provisions.read(Environment(keys))

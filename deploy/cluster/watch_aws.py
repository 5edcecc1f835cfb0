"""``aws``: keeps the emulator of AWS in this pod provisioned. It forgets everything when it starts."""

import argparse
from dataclasses import dataclass
from typing import Self

from chassis.aws import AwsConfig, open_aws_client
from chassis.config import Environment, load_environment
from chassis.logs import configure_logging
from chassis.process import run
from deploy.cluster.queues import ANSWER_SECONDS, create_queues, create_sender
from deploy.cluster.watch import watch


@dataclass(frozen=True)
class Provisions:
    """What must be there, and where. The queues are named by the last part of the URLs that the services are told."""

    aws: AwsConfig
    queue_name: str
    dead_letter_queue_name: str
    sender: str

    @classmethod
    def read(cls, env: Environment) -> Self:
        """Read it from the keys that the services read.

        :raises ConfigError: naming every key that is missing.
        """
        provisions = cls(
            aws=AwsConfig.read(env),
            queue_name=env.text("AWS_SQS_QUEUE_URL").rpartition("/")[2],
            dead_letter_queue_name=env.text("AWS_SQS_DLQ_URL").rpartition("/")[2],
            sender=env.text("AWS_SES_SENDER_EMAIL"),
        )
        if not dict(provisions.aws.endpoint_urls)["sqs"]:
            env.problem("AWS_ENDPOINT_URL", "is missing: nothing is provisioned in the real AWS")
        env.check()
        return provisions


def main(parsed: argparse.Namespace) -> None:
    """Watch until the process is told to stop."""
    configure_logging("info", "json")
    run(lambda: watch_aws(Provisions.read(Environment(load_environment())), parsed.health_port))


async def watch_aws(wanted: Provisions, health_port: int) -> None:
    """Keep the queues and the sender there."""
    async with (
        open_aws_client(wanted.aws, "sqs", attempts_max=1, read_timeout_seconds=ANSWER_SECONDS) as sqs,
        open_aws_client(wanted.aws, "sesv2", attempts_max=1, read_timeout_seconds=ANSWER_SECONDS) as ses,
    ):

        async def put_right() -> None:
            await create_queues(sqs, wanted.queue_name, wanted.dead_letter_queue_name)
            await create_sender(ses, wanted.sender)

        await watch("aws", put_right, health_port)

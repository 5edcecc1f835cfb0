"""SQS and SES by moto, and what must be provisioned in them.

moto keeps everything in memory, so it is provisioned again whenever it starts.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from chassis.aws import AwsConfig, open_aws_client
from chassis.config import Secret
from deploy.cluster.queues import ANSWER_SECONDS, create_queues, create_sender
from deploy.local.environments import bare_environment
from deploy.local.ports import HOST
from deploy.local.process import BACKGROUND_NICENESS, Process

QUEUE = "ordermesh-orders"
DEAD_LETTER_QUEUE = "ordermesh-orders-dead-letters"
MOTO_ACCOUNT = "123456789012"


def moto_url(port: int) -> str:
    """Where the stack's own SQS and SES are."""
    return f"http://{HOST}:{port}"


@dataclass(frozen=True)
class LocalAws:
    """A moto server with a queue, its dead-letter queue and a verified sender."""

    endpoint_url: str
    region: str = "us-east-1"
    access_key_id: str = "local"
    secret_access_key: str = "local"  # noqa: S105 - moto takes any
    sender_email: str = "orders@ordermesh.example"

    @property
    def queue_url(self) -> str:
        """The queue of order events."""
        return f"{self.endpoint_url}/{MOTO_ACCOUNT}/{QUEUE}"

    @property
    def dead_letter_queue_url(self) -> str:
        """Where messages end that could not be processed."""
        return f"{self.endpoint_url}/{MOTO_ACCOUNT}/{DEAD_LETTER_QUEUE}"

    @property
    def environment(self) -> dict[str, str]:
        """The keys that a process finds this AWS with."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SQS_QUEUE_URL": self.queue_url,
            "AWS_SQS_DLQ_URL": self.dead_letter_queue_url,
            "AWS_SES_SENDER_EMAIL": self.sender_email,
        }

    @property
    def config(self) -> AwsConfig:
        """The same for :func:`chassis.aws.open_aws_client`."""
        return AwsConfig(
            region=self.region,
            access_key_id=self.access_key_id,
            secret_access_key=Secret(self.secret_access_key),
            session_token=None,
            endpoint_urls=(("sqs", self.endpoint_url), ("sesv2", self.endpoint_url)),
        )


def moto_process(values: Mapping[str, str], aws: LocalAws, port: int) -> Process:
    """A moto server at ``port``, provisioned as ``aws`` says."""

    async def probe() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
            (await client.get(f"{aws.endpoint_url}/moto-api/")).raise_for_status()

    return Process(
        name="moto",
        command=(sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)),
        environment=bare_environment(values),
        probe=probe,
        prepare=lambda: provision(aws),
        niceness=BACKGROUND_NICENESS,
    )


async def provision(aws: LocalAws) -> None:
    """Create the queues and verify the sender. Doing it again changes nothing."""
    await provision_queues(aws.config)
    async with open_aws_client(aws.config, "sesv2", attempts_max=1, read_timeout_seconds=ANSWER_SECONDS) as ses:
        await create_sender(ses, aws.sender_email)


async def provision_queues(config: AwsConfig) -> tuple[str, str]:
    """Create the queue and its dead-letter queue; returns their URLs."""
    async with open_aws_client(config, "sqs", attempts_max=1, read_timeout_seconds=ANSWER_SECONDS) as sqs:
        return await create_queues(sqs, QUEUE, DEAD_LETTER_QUEUE)

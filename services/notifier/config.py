"""What the notifier reads from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Self

from chassis.aws import AwsConfig
from chassis.config import Environment
from chassis.mesh import MeshConfig
from chassis.mongo import MongoConfig
from chassis.redis import RedisConfig
from chassis.server import ServerConfig
from chassis.tracing import TracingConfig
from services.notifier.notification import CLOCK_SKEW_SECONDS

GRPC_PORT_DEFAULT = 50054
VISIBILITY_SECONDS_DEFAULT = 30
VISIBILITY_SECONDS_MAX = 12 * 60 * 60
"""The most that SQS allows."""

HEARTBEAT_SECONDS_DEFAULT = 10.0
LEASE_SECONDS_DEFAULT = 15.0
SES_TIMEOUT_SECONDS_DEFAULT = 5.0

_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")


@dataclass(frozen=True)
class NotifierConfig:
    """The notifier's configuration.

    A message in flight stays hidden for ``visibility_seconds`` after each heartbeat; a mail is this
    replica's to send for ``lease_seconds``, of which SES may take ``ses_timeout_seconds``. ``sender``
    may have a display name: ``OrderMesh <orders@example.com>``. ``dead_letter_queue_url`` is empty when nobody
    is to look after dead letters.
    """

    server: ServerConfig
    tracing: TracingConfig
    mongo: MongoConfig
    mesh: MeshConfig
    redis: RedisConfig
    aws: AwsConfig
    orders_address: str
    queue_url: str
    dead_letter_queue_url: str
    sender: str
    visibility_seconds: int
    heartbeat_seconds: float
    lease_seconds: float
    ses_timeout_seconds: float

    @classmethod
    def from_environment(cls, values: Mapping[str, str]) -> Self:
        """Read it.

        :raises ConfigError: naming every key that is missing or wrong.
        """
        env = Environment(values)
        config = cls(
            server=ServerConfig.read(env, GRPC_PORT_DEFAULT),
            tracing=TracingConfig.read(env, "notifier"),
            mongo=MongoConfig.read(env, "notifier"),
            mesh=MeshConfig.read(env, identity=True),
            redis=RedisConfig.read(env),
            aws=AwsConfig.read(env),
            orders_address=env.address("ORDERS_ADDR", "dns:///localhost:50052"),
            queue_url=env.text("AWS_SQS_QUEUE_URL"),
            dead_letter_queue_url=env.optional("AWS_SQS_DLQ_URL") or "",
            sender=env.text("AWS_SES_SENDER_EMAIL"),
            visibility_seconds=env.integer(
                "VISIBILITY_SECONDS", VISIBILITY_SECONDS_DEFAULT, least=1, most=VISIBILITY_SECONDS_MAX
            ),
            heartbeat_seconds=env.seconds("HEARTBEAT_SECONDS", HEARTBEAT_SECONDS_DEFAULT),
            lease_seconds=env.seconds("NOTIFICATION_LEASE_SECONDS", LEASE_SECONDS_DEFAULT),
            ses_timeout_seconds=env.seconds("SES_TIMEOUT_SECONDS", SES_TIMEOUT_SECONDS_DEFAULT),
        )
        config._check(env)
        env.check()
        return config

    def _check(self, env: Environment) -> None:
        """Note what is wrong between keys, and a sender that SES would refuse for every customer."""
        if self.queue_url and self.dead_letter_queue_url == self.queue_url:
            env.problem("AWS_SQS_DLQ_URL", "must not be the queue of order events: its messages would not be processed")
        if self.sender and not _ADDRESS.fullmatch(parseaddr(self.sender)[1]):
            env.problem("AWS_SES_SENDER_EMAIL", "must be an e-mail address")
        if 2 * self.heartbeat_seconds >= self.visibility_seconds:
            env.problem("HEARTBEAT_SECONDS", "must be less than half of VISIBILITY_SECONDS: one beat may be lost")
        if self.lease_seconds <= self.ses_timeout_seconds + CLOCK_SKEW_SECONDS:
            env.problem(
                "NOTIFICATION_LEASE_SECONDS",
                f"must be more than SES_TIMEOUT_SECONDS and {CLOCK_SKEW_SECONDS:g} s for clocks that differ",
            )

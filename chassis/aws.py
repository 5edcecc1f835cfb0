"""AWS clients. Without keys in the configuration boto's own chain finds them (IRSA, profiles)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

import aioboto3
from aiobotocore.config import AioConfig

from chassis.config import Environment, Secret


@dataclass(frozen=True)
class AwsConfig:
    """Region and keys. ``AWS_ENDPOINT_URL[_SQS|_SESV2]`` is read by boto itself."""

    region: str
    access_key_id: str | None
    secret_access_key: Secret | None
    session_token: Secret | None
    endpoint_urls: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, env: Environment) -> Self:
        """Read the ``AWS_*`` keys."""
        everywhere = env.optional("AWS_ENDPOINT_URL")
        urls = {"sqs": env.optional("AWS_ENDPOINT_URL_SQS"), "sesv2": env.optional("AWS_ENDPOINT_URL_SESV2")}
        return cls(
            region=env.text("AWS_REGION", "us-east-1"),
            access_key_id=env.optional("AWS_ACCESS_KEY_ID"),
            secret_access_key=_optional_secret(env, "AWS_SECRET_ACCESS_KEY"),
            session_token=_optional_secret(env, "AWS_SESSION_TOKEN"),
            endpoint_urls=tuple((name, url or everywhere or "") for name, url in urls.items()),
        )


@asynccontextmanager
async def open_aws_client(
    config: AwsConfig,
    service: Literal["sqs", "sesv2"],
    *,
    attempts_max: int,
    read_timeout_seconds: float,
    connections_max: int = 10,
) -> AsyncIterator[Any]:
    """A client of ``service``. Making one is slow: a process opens it once.

    ``attempts_max`` counts the first try: 1 means that botocore never repeats a request.
    """
    session = aioboto3.Session(
        aws_access_key_id=config.access_key_id,
        aws_secret_access_key=_revealed(config.secret_access_key),
        aws_session_token=_revealed(config.session_token),
        region_name=config.region,
    )
    client_config = AioConfig(
        connect_timeout=min(read_timeout_seconds, 3.0),
        read_timeout=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts_max},
        max_pool_connections=connections_max,
    )
    endpoint_url = dict(config.endpoint_urls)[service] or None
    async with session.client(service, config=client_config, endpoint_url=endpoint_url) as client:
        yield client


def _optional_secret(env: Environment, key: str) -> Secret | None:
    """AWS makes these: their length is its own business."""
    value = env.optional(key)
    return Secret(value) if value else None


def _revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None

"""Processes without keys, as they are in EKS."""

from pathlib import Path

import pytest

from chassis.aws import AwsConfig, open_aws_client
from chassis.config import Environment
from deploy.local.moto_server import LocalAws
from services.orders.sqs_queue import SqsQueue

READ_SECONDS = 10.0


async def test_a_process_without_keys_takes_the_role_of_its_service_account(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As EKS does it (IRSA): a file with a token, and the name of a role."""
    token = tmp_path / "token"
    token.write_text("a-token-of-the-cluster")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ordermesh-orders")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint_url)
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(key, raising=False)
    config = AwsConfig.read(Environment({"AWS_REGION": aws.region, "AWS_ENDPOINT_URL": aws.endpoint_url}))

    async with open_aws_client(config, "sqs", attempts_max=1, read_timeout_seconds=READ_SECONDS) as sqs:
        depth = await SqsQueue(sqs, aws.queue_url).depth()
        credentials = await sqs._request_signer._credentials.get_frozen_credentials()  # noqa: SLF001 - whose are they

    assert depth >= 0
    assert credentials.token

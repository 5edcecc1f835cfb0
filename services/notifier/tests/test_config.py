"""The notifier's configuration."""

import pytest

from chassis.config import ConfigError
from services.notifier.config import NotifierConfig

COMPLETE = {
    "MONGO_URI": "mongodb://db:27017",
    "AUTH_ADDR": "auth:50051",
    "ORDERS_ADDR": "orders:50052",
    "SERVICE_CLIENT_ID": "notifier",
    "SERVICE_CLIENT_SECRET": "s" * 32,
    "AWS_SQS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
    "AWS_SES_SENDER_EMAIL": "OrderMesh <orders@example.com>",
}


def test_the_defaults_are_those_of_production() -> None:
    config = NotifierConfig.from_environment(COMPLETE)

    assert (config.server.grpc_port, config.mongo.database) == (50054, "notifier")
    assert config.orders_address == "dns:///orders:50052"
    assert (config.visibility_seconds, config.heartbeat_seconds) == (30, 10.0)
    assert (config.lease_seconds, config.ses_timeout_seconds) == (15.0, 5.0)


def test_dead_letters_are_looked_after_where_their_queue_is_named() -> None:
    named = COMPLETE | {"AWS_SQS_DLQ_URL": f"{COMPLETE['AWS_SQS_QUEUE_URL']}-dead"}

    assert NotifierConfig.from_environment(COMPLETE).dead_letter_queue_url == ""
    assert NotifierConfig.from_environment(named).dead_letter_queue_url == named["AWS_SQS_DLQ_URL"]


def test_the_times_of_the_fault_rig_are_accepted() -> None:
    times = {"VISIBILITY_SECONDS": "3", "HEARTBEAT_SECONDS": "1"}
    leases = {"NOTIFICATION_LEASE_SECONDS": "4", "SES_TIMEOUT_SECONDS": "1"}

    config = NotifierConfig.from_environment(COMPLETE | times | leases)

    assert (config.visibility_seconds, config.lease_seconds) == (3, 4.0)


@pytest.mark.parametrize("key", ["MONGO_URI", "SERVICE_CLIENT_SECRET", "AWS_SQS_QUEUE_URL", "AWS_SES_SENDER_EMAIL"])
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        NotifierConfig.from_environment({name: value for name, value in COMPLETE.items() if name != key})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AWS_SES_SENDER_EMAIL", "orders"),
        ("AWS_SQS_DLQ_URL", COMPLETE["AWS_SQS_QUEUE_URL"]),
        ("HEARTBEAT_SECONDS", "15"),
        ("VISIBILITY_SECONDS", "0"),
        ("VISIBILITY_SECONDS", "43201"),
        ("NOTIFICATION_LEASE_SECONDS", "6"),
    ],
)
def test_what_cannot_work_is_named(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=key):
        NotifierConfig.from_environment(COMPLETE | {key: value})

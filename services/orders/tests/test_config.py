"""Orders' configuration."""

import pytest

from chassis.config import ConfigError
from services.orders.config import OrdersConfig

COMPLETE = {
    "MONGO_URI": "mongodb://db/?replicaSet=rs0",
    "SERVICE_CLIENT_ID": "orders",
    "SERVICE_CLIENT_SECRET": "s" * 32,
    "AWS_SQS_QUEUE_URL": "http://sqs/orders",
}


def test_what_is_complete_is_read() -> None:
    config = OrdersConfig.from_environment({**COMPLETE, "REDIS_HOST": "cache", "REDIS_PORT": "6380"})

    assert config.redis.url == "redis://cache:6380/0"
    assert (config.relay_lease.total_seconds(), config.sweep.age.total_seconds()) == (10, 60)
    assert config.sweep.renew.total_seconds() == 225


def test_a_redis_url_overrides_host_and_port() -> None:
    config = OrdersConfig.from_environment({**COMPLETE, "REDIS_HOST": "cache", "REDIS_URL": "rediss://other:1/2"})

    assert config.redis.url == "rediss://other:1/2"


@pytest.mark.parametrize("key", COMPLETE)
def test_a_missing_key_is_named(key: str) -> None:
    values = {k: v for k, v in COMPLETE.items() if k != key}

    with pytest.raises(ConfigError, match=key):
        OrdersConfig.from_environment(values)


def test_no_secret_shows_itself() -> None:
    values = {
        **COMPLETE,
        "AWS_SECRET_ACCESS_KEY": "aws-secret",
        "MONGO_URI": "mongodb://u:mongo-secret@db/?replicaSet=r",
        "REDIS_URL": "rediss://u:redis-secret@cache:6379/0",
    }

    shown = repr(OrdersConfig.from_environment(values))

    for secret in ("s" * 32, "aws-secret", "mongo-secret", "redis-secret"):
        assert secret not in shown

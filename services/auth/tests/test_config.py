"""The configuration: typed, or an error that names every bad key."""

from collections.abc import Mapping
from hashlib import sha256

import pytest

from chassis.config import ConfigError
from services.auth.config import GRPC_PORT_DEFAULT, AuthConfig

ORDERS_SECRET = "the secret of orders, which is long enough"
GOOD: Mapping[str, str] = {
    "MONGO_URI": "mongodb://localhost:27017/?replicaSet=rs0",
    "JWT_SECRET": "the secret that access tokens are signed with",
    "JWT_REFRESH_SECRET": "the secret that refresh tokens are made with",
    "SERVICE_CLIENTS": f"orders:{sha256(ORDERS_SECRET.encode()).hexdigest()}, gateway:{'0' * 64}",
}


def test_a_good_environment_is_read() -> None:
    config = AuthConfig.from_environment(GOOD)

    assert config.server.grpc_port == GRPC_PORT_DEFAULT
    assert config.mongo.database == "auth"
    assert config.jwt_secret.reveal() == GOOD["JWT_SECRET"]
    assert config.jwt_secret_next is None
    assert config.service_clients.knows("orders", ORDERS_SECRET)


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        AuthConfig.from_environment({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    "key",
    ["JWT_SECRET", "JWT_REFRESH_SECRET", "JWT_SECRET_NEXT", "JWT_SECRET_PREVIOUS", "JWT_REFRESH_SECRET_PREVIOUS"],
)
@pytest.mark.parametrize("value", ["short", "change-me-change-me-change-me-change-me"])
def test_a_weak_secret_is_named_and_not_shown(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} ") as caught:
        AuthConfig.from_environment({**GOOD, key: value})

    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "orders",
        "orders:",
        "orders:not-a-hash",
        f"orders:{'A' * 64}",
        f"Orders:{'0' * 64}",
        f"orders:{'0' * 64},",
        f"orders:{'0' * 64},orders:{'1' * 64}",
        f"orders={'0' * 64}",
    ],
)
def test_a_list_of_clients_that_cannot_be_read_is_named_and_not_shown(value: str) -> None:
    with pytest.raises(ConfigError, match="SERVICE_CLIENTS") as caught:
        AuthConfig.from_environment({**GOOD, "SERVICE_CLIENTS": value})

    assert value not in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        AuthConfig.from_environment({"GRPC_PORT": "high"})

    assert all(key in str(caught.value) for key in (*GOOD, "GRPC_PORT"))


def test_no_secret_shows_itself() -> None:
    shown = repr(AuthConfig.from_environment(GOOD))

    assert not [value for value in GOOD.values() if value in shown]
    assert "0" * 64 not in shown


def test_a_client_is_known_by_its_secret_only() -> None:
    clients = AuthConfig.from_environment(GOOD).service_clients

    assert not clients.knows("orders", "a guess")
    assert not clients.knows("gateway", ORDERS_SECRET)
    assert not clients.knows("nobody", ORDERS_SECRET)
    assert not clients.knows("", "")

"""The configuration: typed, or an error that names every bad key."""

from collections.abc import Mapping
from hashlib import sha256

import pytest

from chassis.config import ConfigError
from chassis.rate_limits import Limit
from services.auth.config import GRPC_PORT_DEFAULT, AuthConfig
from services.auth.hash_parameters import OWASP_CHOICES, HashParameters

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
    assert config.hash_parameters == HashParameters(memory_kib=19_456, rounds=2)
    assert config.service_clients.knows("orders", ORDERS_SECRET)
    assert config.redis.url == "redis://localhost:6379/0"
    assert config.limits.login_account == Limit("login-account", 10, 300)


def test_limits_are_read_and_can_be_off() -> None:
    limits = AuthConfig.from_environment({**GOOD, "LOGIN_LIMIT_ACCOUNT": "3/7", "REFRESH_LIMIT_GLOBAL": "off"}).limits

    assert limits.login_account == Limit("login-account", 3, 7)
    assert limits.refresh_global.count is None


@pytest.mark.parametrize(
    "key",
    [
        *("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS", "LOGIN_LIMIT_GLOBAL"),
        *("REGISTER_LIMIT_ADDRESS", "REGISTER_LIMIT_GLOBAL"),
        *("REFRESH_LIMIT_SESSION", "REFRESH_LIMIT_ADDRESS", "REFRESH_LIMIT_GLOBAL"),
    ],
)
def test_a_limit_that_cannot_be_read_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key} must look like 10/60"):
        AuthConfig.from_environment({**GOOD, key: "many"})


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


@pytest.mark.parametrize(("memory_kib", "rounds"), [*OWASP_CHOICES, (19_455, 3), (131_072, 10), (47_103, 2)])
def test_a_hash_may_cost_what_owasp_asks_for_or_more(memory_kib: int, rounds: int) -> None:
    told = {**GOOD, "PASSWORD_MEMORY_KIB": str(memory_kib), "PASSWORD_ROUNDS": str(rounds)}

    assert AuthConfig.from_environment(told).hash_parameters == HashParameters(memory_kib, rounds)


@pytest.mark.parametrize(
    ("key", "memory_kib", "rounds"),
    [
        ("PASSWORD_MEMORY_KIB", 7_167, 10),
        ("PASSWORD_MEMORY_KIB", 131_073, 1),
        ("PASSWORD_ROUNDS", 131_072, 11),
        ("PASSWORD_ROUNDS", 131_072, 0),
        ("PASSWORD_ROUNDS must be at least 2 while PASSWORD_MEMORY_KIB is 47103", 47_103, 1),
        ("PASSWORD_ROUNDS must be at least 3 while PASSWORD_MEMORY_KIB is 19455", 19_455, 2),
        ("PASSWORD_ROUNDS must be at least 5 while PASSWORD_MEMORY_KIB is 7168", 7_168, 4),
    ],
)
def test_a_hash_that_is_too_weak_or_too_dear_is_no_configuration(key: str, memory_kib: int, rounds: int) -> None:
    told = {**GOOD, "PASSWORD_MEMORY_KIB": str(memory_kib), "PASSWORD_ROUNDS": str(rounds)}

    with pytest.raises(ConfigError, match=key):
        AuthConfig.from_environment(told)


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

"""Reading configuration: typed, once, and loud."""

from pathlib import Path
from string import printable
from urllib.parse import quote

import pytest

from chassis.config import ConfigError, Environment, Secret, load_environment
from chassis.mongo import MongoConfig, open_database
from chassis.server import ServerConfig

STRONG = "s" * 32


def problems_of(env: Environment) -> str:
    with pytest.raises(ConfigError) as caught:
        env.check()
    return str(caught.value)


def test_every_bad_key_is_named_at_once() -> None:
    env = Environment({"PORT": "none", "SHORT": "secret", "LEVEL": "loud", "WAIT": "-1"})

    env.port("PORT", 5000)
    env.secret("SHORT")
    env.secret("ABSENT")
    env.choice("LEVEL", "info", ("info", "debug"))
    env.seconds("WAIT", 1.0)
    env.text("NAME")

    problems = problems_of(env)
    for key in ("PORT", "SHORT", "ABSENT", "LEVEL", "WAIT", "NAME"):
        assert key in problems


def test_what_is_right_needs_no_words() -> None:
    env = Environment({"PORT": "5001", "SECRET": STRONG})

    assert env.port("PORT", 5000) == 5001
    assert env.integer("COUNT", 7) == 7
    assert env.seconds("WAIT", 1.5) == 1.5
    assert env.required_secret("SECRET").reveal() == STRONG
    env.check()


@pytest.mark.parametrize("value", ["0", "65536", "5000.0", " "])
def test_a_port_is_a_port(value: str) -> None:
    env = Environment({"PORT": value})

    env.port("PORT", 5000)

    assert "PORT" in problems_of(env)


@pytest.mark.parametrize("value", ["0", "nan", "inf", "soon"])
def test_seconds_are_a_positive_number(value: str) -> None:
    env = Environment({"WAIT": value})

    env.seconds("WAIT", 1.0)

    assert "WAIT" in problems_of(env)


@pytest.mark.parametrize("secret", ["s" * 31, "change-me-" + "x" * 40, ""])
def test_a_weak_secret_stops_the_start(secret: str) -> None:
    env = Environment({"JWT_SECRET": secret})

    env.required_secret("JWT_SECRET")

    assert "JWT_SECRET" in problems_of(env)


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("hunter2" * 5)

    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret("hunter2" * 5)


def test_any_key_can_be_a_mounted_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{STRONG}\n")
    env = Environment({"JWT_SECRET_FILE": str(path), "NAME_FILE": str(tmp_path / "absent")})

    assert env.required_secret("JWT_SECRET").reveal() == STRONG
    env.optional("NAME")
    assert "NAME_FILE" in problems_of(env)


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("ORDERMESH_A=file\nORDERMESH_B=file\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORDERMESH_A", "environment")

    values = load_environment()

    assert (values["ORDERMESH_A"], values["ORDERMESH_B"]) == ("environment", "file")


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("orders:50052", "dns:///orders:50052"),
        ("dns:///orders:50052", "dns:///orders:50052"),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        ("unix:/run/orders.sock", "unix:/run/orders.sock"),
    ],
)
def test_an_address_is_a_grpc_target(value: str, target: str) -> None:
    env = Environment({"ORDERS_ADDR": value})

    assert env.address("ORDERS_ADDR", "dns:///localhost:1") == target
    env.check()


@pytest.mark.parametrize(
    ("uri", "database"),
    [
        ("mongodb://db/?replicaSet=rs0", "orders"),
        ("mongodb://db/shop?replicaSet=rs0", "shop"),
        ("mongodb://ada:secret@db-0,db-1/shop", "shop"),
        ("mongodb+srv://ada:secret@cluster.example.com/shop?w=majority", "shop"),
        ("mongodb+srv://cluster.example.com/", "orders"),
    ],
)
def test_the_database_is_the_uris_or_the_services_name(uri: str, database: str) -> None:
    env = Environment({"MONGO_URI": uri})

    config = MongoConfig.read(env, "orders")

    env.check()
    assert config.database == database
    assert "secret" not in repr(config)


@pytest.mark.parametrize("uri", ["", "http://db", "mongodb://", "mongodb://ada@b@c/"])
def test_a_mongo_uri_that_is_none_is_named(uri: str) -> None:
    env = Environment({"MONGO_URI": uri})

    MongoConfig.read(env, "orders")

    assert "MONGO_URI" in problems_of(env)


async def told_of(uri: str) -> str:
    """What a service says of such a URI: that it is none, or where it looks for which database."""
    env = Environment({"MONGO_URI": uri})
    config = MongoConfig.read(env, "orders")
    try:
        env.check()
        async with open_database(config) as database:
            return f"{database.client} {database.name}"
    except ConfigError as error:
        return str(error)


@pytest.mark.parametrize(
    "password", ["S3c{}r3t", "{}S3cr3t", "1234{}S3cr3t", "1234{}t=S3cr3t", "1234{}replicaSet=S3c&w=r3t"]
)
@pytest.mark.parametrize("character", [*"/?#[:@%]&=,;+ ", "[::", "%4", "\N{ACCOUNT OF}"])
@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
async def test_no_part_of_a_password_that_is_not_encoded_is_told(scheme: str, character: str, password: str) -> None:
    told = await told_of(f"{scheme}://orders:{password.format(character)}@db.example/shop")

    is_read = "db.example" in told and told.endswith(" shop")
    assert is_read or told.startswith("MONGO_URI is no MongoDB URI, or has an option in it")
    assert [part for part in ("S3c", "r3t", "1234") if part in told] == []


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
async def test_a_password_that_is_encoded_may_have_any_character(scheme: str) -> None:
    told = await told_of(f"{scheme}://orders:{quote(printable, safe='')}@db.example/shop")

    assert told.endswith(" shop")


def test_several_hosts_may_have_addresses_of_both_kinds() -> None:
    env = Environment({"MONGO_URI": "mongodb://db-0:27017,[2001:db8::7]:27017/shop?replicaSet=rs0"})

    config = MongoConfig.read(env, "orders")

    env.check()
    assert config.database == "shop"


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"\xff\xfe" + STRONG.encode())
    env = Environment({"JWT_SECRET_FILE": str(path)})

    env.secret("JWT_SECRET", required=False)

    assert problems_of(env) == "JWT_SECRET_FILE must be UTF-8"


def test_a_value_that_is_no_text_is_named() -> None:
    env = Environment({"JWT_SECRET": b"\xff\xfe".decode(errors="surrogateescape") + STRONG})

    env.secret("JWT_SECRET", required=False)

    assert problems_of(env) == "JWT_SECRET must be UTF-8"


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_bytes(b"ORDERMESH_A=\xff\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=r"^\.env must be UTF-8$"):
        load_environment()


def test_a_server_has_defaults() -> None:
    env = Environment({})

    config = ServerConfig.read(env, 50052)

    env.check()
    assert (config.grpc_port, config.metrics_port, config.log_format) == (50052, None, "json")

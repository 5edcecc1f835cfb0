"""What is the stack's own and what is somebody else's."""

from pathlib import Path

import pytest

from chassis.config import ConfigError
from chassis.testing_tls import TestAuthority
from deploy.local.credentials import kept_secrets
from deploy.local.ports import Port, require_free
from deploy.local.services import mesh_environments, mesh_processes
from deploy.local.settings import MESH, SERVICES, Settings, isolated
from deploy.local.state import StateDirectory
from services.auth.config import AuthConfig

ALL = {"mongod", "redis", "moto"}


def test_with_nothing_set_everything_is_the_stacks_own() -> None:
    settings = Settings.read({})

    assert settings.own == ALL
    assert settings.is_seeded
    assert settings.mongo_uri == "mongodb://127.0.0.1:27117/?replicaSet=ordermesh"
    assert settings.gateway_url == "http://127.0.0.1:5000"


def test_a_foreign_mongodb_is_neither_started_nor_seeded() -> None:
    settings = Settings.read({"MONGO_URI": "mongodb://db.example.com/shop?replicaSet=rs0"})

    assert settings.own == {"redis", "moto"}
    assert not settings.is_seeded
    assert settings.mongo_uri == "mongodb://db.example.com/shop?replicaSet=rs0"
    assert 27117 not in {port.number for port in settings.listening()}


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({"REDIS_URL": "redis://cache.example.com:6379/3"}, "redis://cache.example.com:6379/3"),
        ({"REDIS_HOST": "cache.example.com"}, "redis://cache.example.com:6379/0"),
        ({"REDIS_HOST": "cache.example.com", "REDIS_PORT": "6380"}, "redis://cache.example.com:6380/0"),
    ],
)
def test_a_foreign_redis_is_not_started(values: dict[str, str], url: str) -> None:
    settings = Settings.read(values)

    assert settings.own == {"mongod", "moto"}
    assert settings.redis_url == url


def test_a_redis_port_alone_moves_the_stacks_own() -> None:
    settings = Settings.read({"REDIS_PORT": "7000"})

    assert settings.own == ALL
    assert settings.redis_url == "redis://127.0.0.1:7000/0"


def test_another_sqs_leaves_ses_to_moto() -> None:
    settings = Settings.read({"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9324"})

    assert settings.own == ALL
    assert settings.aws["AWS_ENDPOINT_URL_SQS"] == "http://127.0.0.1:9324"
    assert settings.aws["AWS_ENDPOINT_URL_SESV2"] == "http://127.0.0.1:5555"
    assert "AWS_ENDPOINT_URL" not in settings.aws
    assert "AWS_SQS_QUEUE_URL" not in settings.aws


def test_another_ses_leaves_sqs_to_moto() -> None:
    settings = Settings.read({"AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:8005"})

    assert settings.aws["AWS_ENDPOINT_URL_SQS"] == "http://127.0.0.1:5555"
    assert settings.aws["AWS_SQS_QUEUE_URL"].startswith("http://127.0.0.1:5555/")


def test_another_aws_is_not_started() -> None:
    assert "moto" not in Settings.read({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}).own


def test_a_queue_without_an_endpoint_is_the_real_aws_for_mails_too() -> None:
    queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
    settings = Settings.read({"AWS_SQS_QUEUE_URL": queue, "AWS_REGION": "eu-central-1"})

    assert settings.own == {"mongod", "redis"}
    assert settings.aws.keys() == {"AWS_SQS_QUEUE_URL", "AWS_REGION", "AWS_SES_SENDER_EMAIL"}


def test_keys_that_are_set_reach_moto_as_they_are() -> None:
    settings = Settings.read({"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SES_SENDER_EMAIL": "shop@example.org"})

    assert settings.aws["AWS_ACCESS_KEY_ID"] == "AKIA"
    assert settings.local_aws.sender_email == "shop@example.org"


def test_every_wrong_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"MONGO_PORT .*; ORDERS_REPLICAS "):
        Settings.read({"MONGO_PORT": "many", "ORDERS_REPLICAS": "0"})


def test_a_process_shows_metrics_where_it_is_told_to(tmp_path: Path) -> None:
    told = {"ORDERS_METRICS_PORT": "9100", "ORDERS_REPLICAS": "2", "GATEWAY_METRICS_PORT": "9200"}
    settings = Settings.read(told)
    processes = mesh_processes(settings, kept_secrets(StateDirectory(tmp_path)))

    shown = {process.name: process.environment.get("METRICS_PORT") for process in processes}
    assert {name: port for name, port in shown.items() if port} == {
        "orders": "9100",
        "orders-2": "9110",
        "gateway": "9200",
    }
    assert Port("ORDERS_METRICS_PORT", 9110) in settings.listening()
    with pytest.raises(ConfigError, match="AUTH_METRICS_PORT"):
        Settings.read({"AUTH_METRICS_PORT": "none"})


def test_every_process_is_told_where_traces_go(tmp_path: Path) -> None:
    keys = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_TRACES_SAMPLER": "always_off"}
    told = mesh_environments(Settings.read(keys), kept_secrets(StateDirectory(tmp_path)))

    assert {name: {key: told[name].get(key) for key in keys} for name in told} == dict.fromkeys(told, keys)


def test_an_isolated_stack_ignores_what_the_environment_names() -> None:
    foreign = {"MONGO_URI": "mongodb://db.example.com/", "REDIS_HOST": "cache", "AWS_ENDPOINT_URL": "http://aws"}

    settings = Settings.read(isolated({**foreign, "PATH": "/bin", "PORT": "5000"}))

    assert settings.own == ALL
    assert settings.ports["gateway"].number != 5000
    assert settings.metrics.keys() == set(MESH)
    assert settings.values["PATH"] == "/bin"


def test_each_process_is_told_its_own_keys_only(tmp_path: Path) -> None:
    settings = Settings.read({"HOLD_SECONDS": "10", "SWEEP_AGE_SECONDS": "5", "TRUSTED_PROXIES": "10.0.0.0/8"})
    told = mesh_environments(settings, kept_secrets(StateDirectory(tmp_path)))

    assert [name for name, keys in told.items() if "JWT_SECRET" in keys] == ["auth"]
    assert [name for name, keys in told.items() if "HOLD_SECONDS" in keys] == ["inventory", "orders"]
    assert [name for name, keys in told.items() if "SWEEP_AGE_SECONDS" in keys] == ["orders"]
    assert [name for name, keys in told.items() if "AWS_SES_SENDER_EMAIL" in keys] == ["notifier"]
    assert [name for name, keys in told.items() if "SERVICE_CLIENT_SECRET" in keys] == ["orders", "notifier", "gateway"]
    assert [name for name, keys in told.items() if "TRUSTED_PROXIES" in keys] == ["gateway"]
    assert "MONGO_URI" not in told["gateway"]


def test_no_limit_is_in_the_way_unless_the_environment_sets_one(tmp_path: Path) -> None:
    settings = Settings.read({"LOGIN_LIMIT_ACCOUNT": "10/60"})
    told = mesh_environments(settings, kept_secrets(StateDirectory(tmp_path)))["auth"]

    limits = AuthConfig.from_environment(told).limits

    assert limits.login_account.count == 10
    others = [limit.count or 0 for limit in vars(limits).values() if limit != limits.login_account]
    assert min(others) >= 1_000_000


def test_a_secret_of_the_environment_wins_also_from_a_file(tmp_path: Path) -> None:
    mounted = tmp_path / "jwt"
    mounted.write_text("from-a-mounted-file\n")
    settings = Settings.read({"JWT_SECRET_FILE": str(mounted), "JWT_REFRESH_SECRET": "from-the-environment"})

    told = mesh_environments(settings, kept_secrets(StateDirectory(tmp_path)))

    assert told["auth"]["JWT_SECRET"] == "from-a-mounted-file"
    assert told["auth"]["JWT_REFRESH_SECRET"] == "from-the-environment"


def test_a_second_replica_has_a_port_and_a_name_of_its_own(tmp_path: Path) -> None:
    settings = Settings.read({"ORDERS_REPLICAS": "2"})
    processes = {process.name: process for process in mesh_processes(settings, kept_secrets(StateDirectory(tmp_path)))}

    assert processes["orders-2"].environment["GRPC_PORT"] == "50062"
    assert processes["gateway"].environment["ORDERS_ADDR"] == "ipv4:127.0.0.1:50052,127.0.0.1:50062"
    assert 50062 in {port.number for port in settings.listening()}


def test_gateways_are_replicas_too(tmp_path: Path) -> None:
    settings = Settings.read({"GATEWAY_REPLICAS": "2", "PORT": "5100"})
    processes = {process.name: process for process in mesh_processes(settings, kept_secrets(StateDirectory(tmp_path)))}

    assert settings.gateway_urls == ["http://127.0.0.1:5100", "http://127.0.0.1:5110"]
    assert settings.gateway_url == settings.gateway_urls[0]
    assert [processes[name].environment["PORT"] for name in ("gateway", "gateway-2")] == ["5100", "5110"]
    assert 5110 in {port.number for port in settings.listening()}


def test_replicas_of_an_isolated_stack_have_free_ports_too() -> None:
    replicas = {f"{name.upper()}_REPLICAS": "4" for name in MESH}

    settings = Settings.read(isolated({"PATH": "/bin"}) | replicas)

    assert len(settings.listening()) == len(ALL) + 2 * 4 * len(MESH)
    require_free(settings.listening())


def test_with_certificates_each_process_is_told_its_own(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "certificates")
    authority.issue("operator")
    settings = Settings.read({"TLS_DIRECTORY": str(tmp_path / "certificates")})

    environments = mesh_environments(settings, kept_secrets(StateDirectory(tmp_path)))

    assert {name: Path(environments[name]["TLS_CERT_FILE"]).name for name in MESH} == {
        name: f"{name}.crt" for name in MESH
    }
    assert environments["gateway"]["ORDERS_ADDR"] == "ipv4:127.0.0.1:50052", "so its certificate must name orders"


def test_a_folder_without_certificates_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TLS_DIRECTORY has no certificate of the operator: TLS_CERT_FILE cannot"):
        Settings.read({"TLS_DIRECTORY": str(tmp_path)})


def test_without_certificates_nobody_is_told_of_any(tmp_path: Path) -> None:
    environments = mesh_environments(Settings.read({}), kept_secrets(StateDirectory(tmp_path)))

    assert not [key for name in MESH for key in environments[name] if key.startswith("TLS_")]


def test_what_runs_the_mesh_may_be_another_program_than_this_python(tmp_path: Path) -> None:
    settings = Settings.read(isolated({"MESH_PYTHON": "'/opt/my runner' --quiet"}))
    processes = mesh_processes(settings, kept_secrets(StateDirectory(tmp_path)))

    assert [process.command for process in processes] == [
        *(("/opt/my runner", "--quiet", "-m", f"services.{service}") for service in SERVICES),
        ("/opt/my runner", "--quiet", "-m", "gateway"),
    ]

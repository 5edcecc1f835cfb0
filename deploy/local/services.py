"""The processes of the mesh itself: the four services and the gateway."""

from collections.abc import Mapping

from deploy.cluster.credentials import SIGNING_SECRETS, client_secret, service_clients
from deploy.local.environments import passed_on, python_environment
from deploy.local.ports import HOST
from deploy.local.probes import answers_ready, is_serving
from deploy.local.process import BACKGROUND_NICENESS, Process
from deploy.local.settings import SERVICES, Settings

TRACES = (
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"),
    *("OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED"),
)
PROCESS = ("LOG_LEVEL", "LAME_DUCK_SECONDS", "DRAIN_SECONDS", *TRACES)
SERVER = (*PROCESS, "CONCURRENT_CALLS_MAX", "CONCURRENT_STREAMS_MAX", "CONNECTION_AGE_SECONDS")
AWS = (
    *("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SESV2", "AWS_SQS_QUEUE_URL"),
)
DEAD_LETTERS = ("AWS_SQS_DLQ_URL",)

MOTO_QUEUE_DEPTH_MAX = 50
"""moto takes time in proportion to what waits in a queue, for every call: it must stay short."""

LIMITS = (
    *("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS", "LOGIN_LIMIT_GLOBAL"),
    *("REGISTER_LIMIT_ADDRESS", "REGISTER_LIMIT_GLOBAL"),
    *("REFRESH_LIMIT_SESSION", "REFRESH_LIMIT_ADDRESS", "REFRESH_LIMIT_GLOBAL"),
)
GENEROUS_LIMIT = "1000000/60"
"""Whoever uses a local stack comes from one address, and tests, benchmarks and the fault rig log in far more often
than people do. The defaults are for production; here every limit is asked, and none is in the way."""

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")

TUNABLE = {
    "auth": (
        *(*SERVER, *SIGNING_SECRETS, "JWT_SECRET_NEXT", "JWT_SECRET_PREVIOUS", "JWT_REFRESH_SECRET_PREVIOUS"),
        *("PASSWORD_MEMORY_KIB", "PASSWORD_ROUNDS", *LIMITS),
    ),
    "inventory": (*SERVER, "HOLD_SECONDS"),
    "orders": (*SERVER, "HOLD_SECONDS", "RELAY_LEASE_SECONDS", "SWEEP_AGE_SECONDS", "QUEUE_DEPTH_MAX"),
    "notifier": (
        *(*SERVER, "VISIBILITY_SECONDS", "HEARTBEAT_SECONDS"),
        *("NOTIFICATION_LEASE_SECONDS", "SES_TIMEOUT_SECONDS"),
    ),
    "gateway": (*PROCESS, "TRUSTED_PROXIES", "CORS_ORIGINS", "REQUEST_LIMIT_ADDRESS", "CONNECTIONS_MAX"),
}
"""What of the environment each process is given as it is."""


def mesh_processes(settings: Settings, secrets: Mapping[str, str]) -> list[Process]:
    """Every replica of every service and of the gateway."""
    environments = mesh_environments(settings, secrets)
    services = [
        _service(
            environments[service] | _metrics(settings, service, replica),
            service,
            _name(service, replica),
            port,
            settings,
        )
        for service in SERVICES
        for replica, port in enumerate(settings.replica_ports(service))
    ]
    gateways = [
        _gateway(
            environments["gateway"] | _metrics(settings, "gateway", replica),
            _name("gateway", replica),
            port,
            settings,
        )
        for replica, port in enumerate(settings.replica_ports("gateway"))
    ]
    return [*services, *gateways]


def mesh_environments(settings: Settings, secrets: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What each service and the gateway are told, but for the port of a replica."""
    target = {f"{name.upper()}_ADDR": settings.target(name) for name in SERVICES}
    stores = {"MONGO_URI": settings.mongo_uri, "REDIS_URL": settings.redis_url}
    auth = {"AUTH_ADDR": target["AUTH_ADDR"]}
    aws = {key: settings.aws[key] for key in AWS if key in settings.aws}
    if "moto" not in settings.own:
        aws |= passed_on(settings.values, PROXIES)
    told = {
        "auth": {
            **stores,
            "SERVICE_CLIENTS": service_clients(secrets),
            **dict.fromkeys(LIMITS, GENEROUS_LIMIT),
            **{key: secrets[key] for key in SIGNING_SECRETS},
        },
        "inventory": {**stores, **auth},
        "orders": {
            **stores,
            **auth,
            **_identity("orders", secrets),
            **aws,
            "INVENTORY_ADDR": target["INVENTORY_ADDR"],
            **({"QUEUE_DEPTH_MAX": str(MOTO_QUEUE_DEPTH_MAX)} if "moto" in settings.own else {}),
        },
        "notifier": {
            **stores,
            **auth,
            **_identity("notifier", secrets),
            **aws,
            "ORDERS_ADDR": target["ORDERS_ADDR"],
            "AWS_SES_SENDER_EMAIL": settings.aws["AWS_SES_SENDER_EMAIL"],
            **{key: settings.aws[key] for key in DEAD_LETTERS if key in settings.aws},
        },
        "gateway": {**target, **_identity("gateway", secrets), "REDIS_URL": settings.redis_url},
    }
    basis = {**python_environment(settings.values), "LISTEN_HOST": HOST, "LOG_FORMAT": "text"}
    tls = {name: settings.tls.environment(name) if settings.tls else {} for name in told}
    return {
        name: {**basis, **keys, **tls[name], **passed_on(settings.values, TUNABLE[name])} for name, keys in told.items()
    }


def _service(environment: Mapping[str, str], service: str, name: str, port: int, settings: Settings) -> Process:
    return Process(
        name=name,
        command=(*settings.python, "-m", f"services.{service}"),
        environment={**environment, "GRPC_PORT": str(port)},
        probe=lambda: is_serving(service, f"{HOST}:{port}", settings.tls),
        niceness=BACKGROUND_NICENESS if service == "notifier" else 0,
    )


def _gateway(environment: Mapping[str, str], name: str, port: int, settings: Settings) -> Process:
    return Process(
        name=name,
        command=(*settings.python, "-m", "gateway"),
        environment={**environment, "PORT": str(port)},
        probe=lambda: answers_ready(f"http://{HOST}:{port}/readyz"),
    )


def _metrics(settings: Settings, process: str, replica: int) -> dict[str, str]:
    ports = settings.metrics_ports(process)
    return {"METRICS_PORT": str(ports[replica])} if ports else {}


def _name(process: str, replica: int) -> str:
    return process if replica == 0 else f"{process}-{replica + 1}"


def _identity(service: str, secrets: Mapping[str, str]) -> dict[str, str]:
    return {"SERVICE_CLIENT_ID": service, "SERVICE_CLIENT_SECRET": secrets[client_secret(service)]}

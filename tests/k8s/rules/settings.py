"""What an operator may add to what the manifests tell: everything else that a process reads, but for secrets."""

from collections.abc import Iterator

from tests.k8s.manifests import Container, Manifests
from tests.test_environment import PROCESSES, keys_read_by

SETTINGS = "ordermesh-settings"
FROM_SETTINGS = {"configMapRef": {"name": SETTINGS, "optional": True}}

SETTABLE = {
    *("CORS_ORIGINS", "TRUSTED_PROXIES", "REQUEST_LIMIT_ADDRESS", "CONNECTIONS_MAX"),
    *("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS", "LOGIN_LIMIT_GLOBAL"),
    *("REGISTER_LIMIT_ADDRESS", "REGISTER_LIMIT_GLOBAL"),
    *("REFRESH_LIMIT_SESSION", "REFRESH_LIMIT_ADDRESS", "REFRESH_LIMIT_GLOBAL"),
    *("PASSWORD_MEMORY_KIB", "PASSWORD_ROUNDS"),
    *("HOLD_SECONDS", "RELAY_LEASE_SECONDS", "QUEUE_DEPTH_MAX", "SWEEP_AGE_SECONDS"),
    *("VISIBILITY_SECONDS", "HEARTBEAT_SECONDS", "NOTIFICATION_LEASE_SECONDS", "SES_TIMEOUT_SECONDS"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SESV2"),
    *("CONCURRENT_CALLS_MAX", "CONCURRENT_STREAMS_MAX", "CONNECTION_AGE_SECONDS"),
    *("LISTEN_HOST", "LOG_FORMAT", "DRAIN_SECONDS", "LAME_DUCK_SECONDS"),
    *("OTEL_SDK_DISABLED", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_RESOURCE_ATTRIBUTES"),
}
"""What an operator may give by the ConfigMap ``ordermesh-settings``: no secret, no port, no file."""

OTHERWISE = {
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "a role"),
    **dict.fromkeys(("REDIS_HOST", "REDIS_PORT"), "REDIS_URL"),
    **dict.fromkeys(("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE", "HEALTH_PORT"), "the component tls"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": "the component otel, which opens the way there",
}
"""Keys that nobody need give: what stands in their place."""


def settings(manifests: Manifests) -> Iterator[str]:
    """Each key that a process reads is told by its manifest or may be by ``ordermesh-settings``, but no secret is."""
    for container in manifests.containers():
        if container.module and container.spec.get("envFrom") != [FROM_SETTINGS]:
            yield f"{container.name} does not take {SETTINGS}"
        secret = {key.removesuffix("_FILE") for key in _secret_keys(container)}
        for key in secret & SETTABLE:
            yield f"{container.name} has {key} of a Secret, and a ConfigMap may give it"
    for name, container in manifests.processes().items():
        by_manifest = {key.removesuffix("_FILE") for key in container.env} | set(container.env)
        for key in keys_read_by(PROCESSES[name]) - by_manifest - SETTABLE - OTHERWISE.keys():
            yield f"{name} reads {key}, and nothing tells it"


def _secret_keys(container: Container) -> set[str]:
    """Keys of its environment that a Secret tells, by value or by the name of a file."""
    paths = container.secret_paths()
    return {
        key
        for key, entry in container.env.items()
        if "secretKeyRef" in entry.get("valueFrom", {}) or entry.get("value") in paths
    }

"""What each process is told: all that it needs, nothing that it does not read; and what a manifest says of it is so."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from chassis.config import ConfigError, Environment
from chassis.server import GIVE_BACK_SECONDS
from deploy.cluster.make_secrets import AWS_KEYS, missing
from deploy.cluster.watch_aws import Provisions
from deploy.cluster.watch_seed import Seeds
from tests.k8s.certificates import KEYS, asked_for, issued
from tests.k8s.manifests import Container, Manifests
from tests.k8s.rules.settings import FROM_SETTINGS
from tests.test_environment import PROCESSES, keys_read_by

MARGIN_SECONDS = 5.0
"""What a process may take to end beyond what it is told that it may."""

ROTATING = ("JWT_SECRET_NEXT", "JWT_SECRET_PREVIOUS", "JWT_REFRESH_SECRET_PREVIOUS")
"""Secrets that are there only while others are rotated: not at all in an environment, as empty files else."""

STORES = ("MONGO_URI", "REDIS_URL")
METRICS = "METRICS_PORT"

SECRET = "ordermesh-secrets"

MONGO_URIS = {name: f"{name.upper()}_MONGO_URI" for name in ("auth", "inventory", "orders", "notifier")}
"""Each service has a user of its own in MongoDB, with rights on its own database."""

MADE = {
    **missing({}),
    **dict.fromkeys(ROTATING, ""),
    **{
        key: f"mongodb://{name}:secret@mongodb.example.com/?replicaSet=rs0&authSource={name}"
        for name, key in MONGO_URIS.items()
    },
    "REDIS_URL": "rediss://redis.example.com:6379/0",
}
"""What the Secret has when somebody has filled it in. Certificates are in others."""


def told(
    manifests: Manifests, container: Container, made: Mapping[str, str], settings: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """The environment of a container, as a kubelet would make it.

    The Secret has ``made``, its files are in ``folder``, and ``ordermesh-settings`` has ``settings``.
    """
    paths = container.secret_paths()
    values = dict(settings) if FROM_SETTINGS in container.spec.get("envFrom", []) else {}
    for key, entry in container.env.items():
        source = entry.get("valueFrom", {})
        if "configMapKeyRef" in source:
            values[key] = manifests.config()[source["configMapKeyRef"]["key"]]
        elif "secretKeyRef" in source:
            values[key] = made[source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            values[key] = f"its {source['fieldRef']['fieldPath']}"
        elif entry["value"] in paths:
            file = folder / key
            file.write_text(_content(*paths[entry["value"]], made))
            values[key] = str(file)
        else:
            values[key] = entry["value"]
    return values


def _content(secret: str, key: str, made: Mapping[str, str]) -> str:
    return made[key] if secret == SECRET else issued()[secret][key]


def reader(container: Container) -> Any:
    """What reads the configuration of the container's process; None when that has none of ours."""
    module, _, name = (container.module or "").partition(".")
    if module == "services":
        return PROCESSES[name]
    if module == "gateway":
        return PROCESSES["gateway"]
    command = container.spec["args"][2] if container.module == "deploy.cluster" else ""
    return {
        "aws": lambda values: Provisions.read(Environment(values)),
        "seed": lambda values: Seeds.read(Environment(values), {}),
    }.get(command)


def configured(
    manifests: Manifests,
    container: Container,
    made: Mapping[str, str] = MADE,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """The configuration that the process would read, with ``made`` in the Secret and an operator's ``settings``.

    :raises ConfigError: when it would not start.
    """
    with TemporaryDirectory(prefix="ordermesh-k8s-") as folder:
        return reader(container)(told(manifests, container, made, settings, Path(folder)))


def keys(manifests: Manifests) -> Iterator[str]:
    """Each key is one that the process reads, or that another key is made of."""
    for container in manifests.containers():
        read = keys_read_by(reader(container)) if reader(container) else set()
        texts = " ".join(entry.get("value", "") for entry in container.env.values())
        for key in container.env:
            plain = key.removesuffix("_FILE")
            if plain not in read and key not in read and f"$({key})" not in texts:
                yield f"{container.name} does not read {key}"


def starts(manifests: Manifests) -> Iterator[str]:
    """Each process starts with what it is told, and was told where the stores are, and where to show its metrics."""
    for container in manifests.containers():
        if reader(container) is None:
            continue
        try:
            configured(manifests, container)
        except ConfigError as error:
            yield f"{container.name}: {error}"
    for name, container in manifests.processes().items():
        plain = {key.removesuffix("_FILE") for key in container.env}
        wanted = {key for key in (*STORES, METRICS) if key in keys_read_by(PROCESSES[name])}
        if not wanted <= plain:
            yield f"{name} is not told {sorted(wanted - plain)}"


def ports_and_names(manifests: Manifests) -> Iterator[str]:
    """A container's ports are those that its process listens on; others look for it there, by its Service's name."""
    for name, container in manifests.processes().items():
        config = configured(manifests, container)
        listens = {"http": config.port} if name == "gateway" else {"grpc": config.server.grpc_port}
        if name != "gateway" and config.server.health_port is not None:
            listens["health"] = config.server.health_port
        if METRICS in keys_read_by(PROCESSES[name]):
            listens["metrics"] = int(manifests.config()[METRICS])
        if container.ports != listens:
            yield f"{name} listens on {listens}, its container has {container.ports}"
    for key, value in manifests.config().items():
        if key.endswith("_ADDR"):
            name = key.removesuffix("_ADDR").lower()
            if value != f"dns:///{name}:{manifests.processes()[name].ports['grpc']}":
                yield f"{key} is {value}"


def ends_in_time(manifests: Manifests) -> Iterator[str]:
    """Nobody is killed while it finishes what is under way."""
    for name, container in manifests.processes().items():
        config = configured(manifests, container)
        ending = config if name == "gateway" else config.server
        pause = container.spec["lifecycle"]["preStop"]["sleep"]["seconds"]
        needed = pause + ending.lame_duck_seconds + ending.drain_seconds + GIVE_BACK_SECONDS + MARGIN_SECONDS
        if container.pod["terminationGracePeriodSeconds"] < needed:
            yield f"{name} takes up to {needed} s to end and has {container.pod['terminationGracePeriodSeconds']}"


def identities(manifests: Manifests) -> Iterator[str]:
    """Each process has its own secrets and certificate and nobody else's, and signing secrets are auth's alone."""
    for container in manifests.containers():
        allowed = {(SECRET, key) for key in SECRETS_OF.get(container.workload, ())}
        allowed |= {(f"{container.workload}-tls", key) for key in KEYS}
        for secret, key, _ in container.secret_keys():
            if (secret, key) not in allowed:
                yield f"{container.name} is given {key} of {secret}"


def databases_apart(manifests: Manifests) -> Iterator[str]:
    """Each service is a user of its own in MongoDB, by a key of the Secret that no other has; the demo has no users."""
    if manifests.named("StatefulSet", "mongodb"):
        return
    users: dict[str, str] = {}
    for container in manifests.containers():
        if "MONGO_URI" not in {key.removesuffix("_FILE") for key in container.env}:
            continue
        file = container.env.get("MONGO_URI_FILE", {}).get("value", "")
        _, user = container.secret_paths().get(file, (None, None))
        if user is None:
            yield f"{container.name} has its user in MongoDB from no Secret"
        elif user in users:
            yield f"{container.name} and {users[user]} are the same user in MongoDB"
        else:
            users[user] = container.name


SECRETS_OF: Mapping[str, set[str]] = {
    "auth": {"JWT_SECRET", "JWT_REFRESH_SECRET", "SERVICE_CLIENTS", *ROTATING, MONGO_URIS["auth"], "REDIS_URL"},
    "inventory": {MONGO_URIS["inventory"], "REDIS_URL"},
    "orders": {"ORDERS_CLIENT_SECRET", *AWS_KEYS, MONGO_URIS["orders"], "REDIS_URL"},
    "notifier": {"NOTIFIER_CLIENT_SECRET", *AWS_KEYS, MONGO_URIS["notifier"], "REDIS_URL"},
    "gateway": {"GATEWAY_CLIENT_SECRET", "REDIS_URL"},
    "moto": {*AWS_KEYS},
    "seed": {"ADMIN_PASSWORD", "DEMO_PASSWORD"},
}


def secrets_are_made(manifests: Manifests) -> Iterator[str]:
    """Every key of the demo's Secret that must be there is one that the Job makes; certificates cert-manager makes."""
    keys_of_secret = {*missing({}), *ROTATING} if manifests.named("Job", "secrets") else set(MADE)
    made = {(SECRET, key) for key in keys_of_secret}
    made |= {(secret, key) for secret in asked_for() for key in KEYS}
    for container in manifests.containers():
        for secret, key, _ in container.secret_keys():
            if (secret, key) not in made:
                yield f"{container.name} waits for {key} of {secret} for ever"

"""Runs the containers of the demo as processes of this machine, with the environment and arguments of their manifests.

Names of Services become ports of this machine. The stores' images are not here: the local stack's own are started in
their place.
"""

import os
import shutil
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.cluster.make_secrets import fill_in
from deploy.cluster.replica_set import open_member
from deploy.cluster.tests.secret_endpoint import SecretEndpoint, serving
from deploy.local.environments import python_environment
from deploy.local.mongod import mongod_process
from deploy.local.moto_server import LocalAws, moto_process, moto_url
from deploy.local.ports import HOST, free_ports
from deploy.local.process import Process, nothing
from deploy.local.redis_server import redis_process
from deploy.local.state import StateDirectory
from deploy.local.supervisor import Supervisor
from tests.k8s.certificates import issued
from tests.k8s.manifests import MESH, Container, Manifests

STORES = {"mongodb": 27017, "redis": 6379, "moto": 5000}
WATCHED = ("mongodb", "moto", "seed")
"""Workloads with a container of ours that says at a port whether all is right."""

PATIENCE_SECONDS = 10.0
CERTIFICATES = "certificates"


@dataclass(frozen=True)
class Node:
    """A demo that runs. ``ports`` are its workloads' and, under ``<workload>/health``, of what says how they are."""

    stores: Supervisor
    state: StateDirectory
    ports: Mapping[str, int]
    secret: Mapping[str, str]

    async def lose_the_pod_of_mongodb(self) -> None:
        """Its emptyDir goes with it; a new one begins with nothing."""
        await self.stores["mongod"].stop()
        shutil.rmtree(self.state.data("mongo"))
        assert not any(self.state.data("mongo").iterdir())
        await self._begin("mongod")

    async def crash(self, store: str) -> None:
        """The container ends and is started again."""
        await self.stores[store].kill()
        await self.stores.wait_ready()

    async def _begin(self, name: str) -> None:
        self.stores[name].start()
        await self.stores[name].wait_ready()


@asynccontextmanager
async def running_demo(manifests: Manifests, folder: Path) -> AsyncIterator[Node]:
    """Everything is started at once, and the stores last: whoever needs them waits."""
    secret = _made_secret(folder / "api")
    state = StateDirectory(folder)
    ports = free_ports([*MESH, *STORES, *(f"{name}/health" for name in (*WATCHED, *MESH))])
    _write_certificates(folder / CERTIFICATES)
    async with Supervisor(state, print) as stores, Supervisor(state, print) as ours:
        await ours.start(*_ours(manifests, ports, secret, folder / CERTIFICATES))
        await stores.start(*_stores(state, ports))
        yield Node(stores, state, ports, secret)


def _made_secret(folder: Path) -> dict[str, str]:
    endpoint = SecretEndpoint()
    with serving(endpoint, folder) as api:
        fill_in(api, "ordermesh", PATIENCE_SECONDS)
    return {key: b64decode(value).decode() for key, value in (endpoint.data or {}).items()}


def _write_certificates(folder: Path) -> None:
    """As kubelets mount them, for whoever has TLS."""
    for name, data in issued().items():
        (folder / name).mkdir(parents=True)
        for key, content in data.items():
            (folder / name / key).write_text(content)


def _ours(
    manifests: Manifests, ports: Mapping[str, int], secret: Mapping[str, str], certificates: Path
) -> list[Process]:
    places = _places(manifests, ports)
    return [
        _process(manifests, container, ports, secret, places | _mounted(container, certificates))
        for container in manifests.containers()
        if container.module and container.workload != "secrets"
    ]


def _places(manifests: Manifests, ports: Mapping[str, int]) -> dict[str, str]:
    """What is to be said in place of each name and port; the longer ones first."""
    named = {"mongodb-0.mongodb:27017": "mongodb", "localhost:5000": "moto"}
    for service in manifests.of_kind("Service"):
        name = service["metadata"]["name"]
        named |= {f"{name}:{port['port']}": name for port in service["spec"]["ports"]}
    # A certificate has the name of a process and not this address, which so must not look like a name.
    calls = {f"dns:///{place}": f"ipv4:{HOST}:{ports[name]}" for place, name in named.items()}
    return calls | {place: f"{HOST}:{ports[name]}" for place, name in named.items()}


def _mounted(container: Container, certificates: Path) -> dict[str, str]:
    """Where each file of a certificate is, for each path of the container."""
    paths = container.secret_paths()
    return {path: str(certificates / secret / key) for path, (secret, key) in paths.items()}


def _process(
    manifests: Manifests,
    container: Container,
    ports: Mapping[str, int],
    secret: Mapping[str, str],
    places: Mapping[str, str],
) -> Process:
    values = {key: _value(manifests, entry, secret) for key, entry in container.env.items()}
    environment = {key: _at(places, value) for key, value in values.items() if value is not None}
    environment.pop("METRICS_PORT", None)  # one for each pod, and here they share an address
    arguments = [_at(places, argument) for argument in container.spec["args"]]
    if container.workload in MESH:
        key = "PORT" if container.workload == "gateway" else "GRPC_PORT"
        environment |= {"LISTEN_HOST": HOST, key: str(ports[container.workload])}
        if "HEALTH_PORT" in environment:
            environment["HEALTH_PORT"] = str(ports[f"{container.workload}/health"])
    else:
        arguments += ["--health-port", str(ports[f"{container.workload}/health"])]
    if container.workload == "mongodb":
        arguments += ["--address", f"{HOST}:{ports['mongodb']}"]
    return Process(
        name=container.name.replace("/", "-"),
        command=(sys.executable, *arguments),
        environment=python_environment(os.environ) | environment,
        probe=nothing,
    )


def _value(manifests: Manifests, entry: Mapping[str, object], secret: Mapping[str, str]) -> str | None:
    match entry:
        case {"valueFrom": {"configMapKeyRef": {"key": key}}}:
            return manifests.config()[key]
        case {"valueFrom": {"secretKeyRef": {"key": key, "optional": True}}}:
            return secret.get(key)
        case {"valueFrom": {"secretKeyRef": {"key": key}}}:
            return secret[key]
    return str(entry["value"])


def _at(places: Mapping[str, str], text: str) -> str:
    for place, here in places.items():
        text = text.replace(place, here)
    return text


def _stores(state: StateDirectory, ports: Mapping[str, int]) -> list[Process]:
    async def mongod_answers() -> None:
        async with open_member(f"{HOST}:{ports['mongodb']}") as client:
            await client.admin.command("ping")

    moto = moto_process(os.environ, LocalAws(moto_url(ports["moto"])), ports["moto"])
    return [
        replace(mongod_process(os.environ, state, ports["mongodb"]), probe=mongod_answers),
        redis_process(os.environ, state, ports["redis"]),
        replace(moto, prepare=nothing),
    ]

"""TLS between the processes is everywhere or nowhere, and what stands around them knows which."""

from collections.abc import Iterator
from typing import Any

from tests.k8s.manifests import MESH, WORKLOADS, Manifests, pod_of
from tests.k8s.rules.environment import configured
from tests.k8s.rules.pods import UID

CALLING = (*MESH, "seed")
"""Who calls or is called by gRPC. The seed is the demo's."""

IN_PLAINTEXT, ENCRYPTED = "kubernetes.io/h2c", "https"
READ_BY_ITS_GROUP = 0o440


def tls(manifests: Manifests) -> Iterator[str]:
    """When one has it all have, and the Services say so."""
    configs = {
        container.workload: configured(manifests, container)
        for container in manifests.containers()
        if container.workload in CALLING
    }
    encrypted = {name for name, config in configs.items() if _tls(config) is not None}
    if encrypted and encrypted != set(configs):
        yield f"{sorted(encrypted)} speak TLS, {sorted(set(configs) - encrypted)} do not"
    for service in manifests.of_kind("Service"):
        name = service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            if port["name"] == "grpc" and port["appProtocol"] != (ENCRYPTED if name in encrypted else IN_PLAINTEXT):
                yield f"the Service {name} says {port['appProtocol']}"


def _tls(config: Any) -> Any:
    return config.server.tls if hasattr(config, "server") else config.tls


def probes_in_plaintext(manifests: Manifests) -> Iterator[str]:
    """Kubelets speak no TLS: where a process does, they ask at its port for health."""
    for name, container in manifests.processes().items():
        if name == "gateway":
            continue
        server = configured(manifests, container).server
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            port = container.spec[kind]["grpc"]["port"]
            if port != (server.health_port if server.tls else server.grpc_port):
                yield f"the {kind} of {name} asks at {port}"


def readable_secrets(manifests: Manifests) -> Iterator[str]:
    """Files of a Secret are root's: a process reads them by its group, and nobody else does."""
    for workload in manifests.of_kind(*WORKLOADS):
        pod = pod_of(workload)
        for volume in pod.get("volumes", []):
            may = (volume.get("secret", {}).get("defaultMode"), pod["securityContext"].get("fsGroup"))
            if "secret" in volume and may != (READ_BY_ITS_GROUP, UID):
                yield f"{workload['metadata']['name']} cannot read its volume {volume['name']}: {may}"

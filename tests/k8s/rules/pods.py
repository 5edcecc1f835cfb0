"""What every pod and every container has to say, ours or not: the profile `restricted`, and what goes beyond it."""

from collections.abc import Iterator

from tests.k8s.manifests import MESH, WORKLOADS, Container, Manifests, Object, pod_of, quantity

UID = 10001
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
HOST = ("hostNetwork", "hostPID", "hostIPC")
ENDS = ("Job",)
"""Workloads whose containers end by themselves: nothing asks them how they are."""

CPU_MAX, MEMORY_MAX = 1.0, 2.0**30
"""What one replica of each process may request, together."""


def restricted(manifests: Manifests) -> Iterator[str]:
    """Pod Security Standards, `restricted`, and one uid for all."""
    for workload in manifests.of_kind(*WORKLOADS):
        name, pod = workload["metadata"]["name"], pod_of(workload)
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or context.get("runAsUser") != UID:
            yield f"{name} does not run as {UID}"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name} has no seccomp profile"
        if any(pod.get(key) for key in HOST):
            yield f"{name} shares something with its node"
        for volume in pod.get("volumes", []):
            if not set(volume) - {"name"} <= VOLUMES:
                yield f"{name} has the volume {volume}"
    for container in manifests.containers():
        yield from _restricted_container(container)


def _restricted_container(container: Container) -> Iterator[str]:
    context = container.spec.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield f"{container.name} may escalate"
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{container.name} may write to its root"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{container.name} has capabilities"
    if not {"runAsUser", "runAsNonRoot", "seccompProfile", "procMount"}.isdisjoint(context):
        yield f"{container.name} says otherwise than its pod"
    if any("hostPort" in port for port in container.spec.get("ports", [])):
        yield f"{container.name} takes a port of its node"


def no_token(manifests: Manifests) -> Iterator[str]:
    """No pod is given a token for the API, but for one Job that makes secrets; each has an identity of its own."""
    for workload in manifests.of_kind(*WORKLOADS):
        name, pod = workload["metadata"]["name"], pod_of(workload)
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{name} is given a token"
        if pod.get("enableServiceLinks") is not False:
            yield f"{name} is given keys that Services make, as REDIS_PORT"
        if pod.get("serviceAccountName") != name or not manifests.named("ServiceAccount", name):
            yield f"{name} has no ServiceAccount of its own"
        sources = [source for volume in pod.get("volumes", []) for source in _sources(volume)]
        if any("serviceAccountToken" in source for source in sources) and name != "secrets":
            yield f"{name} mounts a token"
    for account in manifests.of_kind("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"the ServiceAccount {account['metadata']['name']} gives away its token"


def _sources(volume: Object) -> list[Object]:
    sources: list[Object] = volume.get("projected", {}).get("sources", [])
    return sources


def probes(manifests: Manifests) -> Iterator[str]:
    """Each container is asked how it is, at a port that it has."""
    for container in manifests.containers():
        if container.kind in ENDS:
            continue
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container.spec.get(kind)
            if probe is None:
                yield f"{container.name} has no {kind}"
                continue
            (way,) = {"grpc", "httpGet", "tcpSocket"} & set(probe)
            known = set(container.ports.values()) if way == "grpc" else set(container.ports)
            if probe[way]["port"] not in known:
                yield f"{container.name} has no port {probe[way]['port']} for its {kind}"
            if probe["timeoutSeconds"] > probe["periodSeconds"]:
                yield f"{container.name}: its {kind} is asked again before it has answered"


def alive_whatever_it_waits_for(manifests: Manifests) -> Iterator[str]:
    """A kubelet restarts nothing that waits for something else, and sends no calls to it."""
    for name, container in manifests.processes().items():
        ready, alive, started = (
            container.spec[f"{kind}Probe"].get("grpc", container.spec[f"{kind}Probe"].get("httpGet"))
            for kind in ("readiness", "liveness", "startup")
        )
        asked = (_asked(ready), _asked(alive), _asked(started))
        if asked != (("/readyz", "/healthz", "/healthz") if name == "gateway" else ("", "liveness", "liveness")):
            yield f"{name} is asked for {asked}"


def _asked(probe: Object) -> str:
    return str(probe["path"] if "path" in probe else probe["service"])


def resources(manifests: Manifests) -> Iterator[str]:
    """Requests of CPU and memory, a limit of memory, none of CPU; and what the mesh requests is not much."""
    for container in manifests.containers():
        requests, limits = (container.spec.get("resources", {}).get(kind, {}) for kind in ("requests", "limits"))
        if set(requests) != {"cpu", "memory"} or set(limits) != {"memory"}:
            yield f"{container.name} requests {requests} and is limited to {limits}"
        elif quantity(requests["memory"]) > quantity(limits["memory"]):
            yield f"{container.name} requests more memory than it may have"
    requested = [container.spec["resources"]["requests"] for container in manifests.processes().values()]
    cpu = sum(quantity(request["cpu"]) for request in requested)
    memory = sum(quantity(request["memory"]) for request in requested)
    if cpu > CPU_MAX or memory > MEMORY_MAX:
        yield f"one replica each requests {cpu:.2f} CPU and {memory / 2**20:.0f} MiB"


def bounded_disks(manifests: Manifests) -> Iterator[str]:
    """An emptyDir without a size can fill its node."""
    for workload in manifests.of_kind(*WORKLOADS):
        for volume in pod_of(workload).get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{workload['metadata']['name']}: the volume {volume['name']} has no size"


def images(manifests: Manifests) -> Iterator[str]:
    """Every image has a tag that says something, and ours is one."""
    ours = set()
    for container in manifests.containers():
        image = str(container.spec["image"])
        _, _, tag = image.rpartition("/")[2].partition(":")
        if tag in {"", "latest"}:
            yield f"{container.name} runs {image}"
        if container.spec.get("imagePullPolicy") != "IfNotPresent":
            yield f"{container.name}: an image that was loaded into the cluster would be pulled"
        if container.module:
            ours.add(image)
    if len(ours) != 1:
        yield f"ours is not one image: {sorted(ours)}"
    if missing := set(MESH) - set(manifests.processes()):
        yield f"there is no {sorted(missing)}"

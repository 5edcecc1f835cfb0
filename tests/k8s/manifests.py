"""Objects of Kubernetes, and the questions that rules ask of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

WORKLOADS = ("Deployment", "StatefulSet", "Job")
MESH = ("auth", "orders", "inventory", "notifier", "gateway")

_UNITS = {"": 1.0, "m": 0.001, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


@dataclass(frozen=True)
class Container:
    """A container of a workload's pods."""

    workload: str
    kind: str
    pod: Object
    spec: Object

    @property
    def name(self) -> str:
        """Whose it is, and its own."""
        return f"{self.workload}/{self.spec['name']}"

    @property
    def module(self) -> str | None:
        """The module of ours that it runs: ``services.orders``; None when it is somebody else's image."""
        args = self.spec.get("args", [])
        return args[1] if args[:1] == ["-m"] else None

    @property
    def env(self) -> Mapping[str, Object]:
        """Its environment's entries by key."""
        return {entry["name"]: entry for entry in self.spec.get("env", [])}

    @property
    def ports(self) -> Mapping[str, int]:
        """Its ports by name."""
        return {port["name"]: port["containerPort"] for port in self.spec.get("ports", [])}

    def secret_keys(self) -> Iterator[tuple[str, str, str | None]]:
        """The Secret, the key in it and the environment's key, of each that it uses; no key for one in a file."""
        for entry in self.spec.get("env", []):
            if ref := entry.get("valueFrom", {}).get("secretKeyRef"):
                yield ref["name"], ref["key"], entry["name"]
        for secret, item in self._secret_files():
            yield secret, item["key"], None

    def secret_paths(self) -> Mapping[str, tuple[str, str]]:
        """The Secret, and the key in it, behind each path of the container."""
        mounts = {mount["name"]: mount["mountPath"] for mount in self.spec.get("volumeMounts", [])}
        return {
            f"{mounts[volume['name']]}/{item['path']}": (volume["secret"]["secretName"], item["key"])
            for volume in self.pod.get("volumes", [])
            if "secret" in volume and volume["name"] in mounts
            for item in volume["secret"]["items"]
        }

    def _secret_files(self) -> Iterator[tuple[str, Object]]:
        for volume in self.pod.get("volumes", []):
            if "secret" in volume:
                for item in volume["secret"]["items"]:
                    yield volume["secret"]["secretName"], item


class Manifests:
    """The objects of one rendering."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self.objects = objects

    def of_kind(self, *kinds: str) -> list[Object]:
        """Those of some kinds, in order."""
        return [thing for thing in self.objects if thing["kind"] in kinds]

    def named(self, kind: str, name: str) -> Object | None:
        """The one with that name, if there is one."""
        return next((thing for thing in self.of_kind(kind) if thing["metadata"]["name"] == name), None)

    def config(self) -> Mapping[str, str]:
        """The data of the one ConfigMap."""
        (config,) = self.of_kind("ConfigMap")
        return dict(config["data"])

    def containers(self) -> list[Container]:
        """Every container of every workload."""
        return [
            Container(workload["metadata"]["name"], workload["kind"], pod_of(workload), spec)
            for workload in self.of_kind(*WORKLOADS)
            for spec in pod_of(workload)["containers"] + pod_of(workload).get("initContainers", [])
        ]

    def processes(self) -> dict[str, Container]:
        """The containers of the mesh itself, by process."""
        return {container.workload: container for container in self.containers() if container.workload in MESH}


def pod_of(workload: Object) -> Object:
    """What its pods are."""
    pod: Object = workload["spec"]["template"]["spec"]
    return pod


def labels_of(workload: Object) -> Mapping[str, str]:
    """What its pods are labelled with."""
    labels: Mapping[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def quantity(text: str | float) -> float:
    """A quantity in its base unit: cores, bytes."""
    number = str(text).rstrip("".join(_UNITS))
    return float(number) * _UNITS[str(text)[len(number) :]]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector means what has these labels."""
    for expression in selector.get("matchExpressions", []):
        if expression["operator"] != "In":
            raise AssertionError(f"these rules do not know the operator {expression['operator']}")
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())

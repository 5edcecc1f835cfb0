"""How many there are, and how they come and go."""

from collections.abc import Iterator

from tests.k8s.manifests import MESH, Manifests, labels_of, pod_of, selects

REPLICAS_MIN = 2

REPLICAS_MAX = {"auth": 10, "inventory": 3, "orders": 10, "notifier": 10, "gateway": 10}
"""Replicas of inventory decide about the same items, and more of them make each other try again."""


def rollouts(manifests: Manifests) -> Iterator[str]:
    """A rollout takes nobody away before somebody else is there; replicas are apart where they can be."""
    for name in MESH:
        workload = manifests.named("Deployment", name)
        if workload is None:
            yield f"there is no {name}"
            continue
        spec = workload["spec"]
        if spec.get("replicas", REPLICAS_MIN) != REPLICAS_MIN:
            yield f"{name} has {spec['replicas']} replicas"
        if spec["strategy"].get("rollingUpdate") != {"maxUnavailable": 0, "maxSurge": 1}:
            yield f"{name} is rolled out by {spec['strategy']}"
        spread = pod_of(workload).get("topologySpreadConstraints", [])
        if {rule["topologyKey"] for rule in spread} != {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}:
            yield f"{name} is not spread over nodes and zones"
        if not all(selects(rule["labelSelector"], labels_of(workload)) for rule in spread):
            yield f"{name} is spread apart from others than itself"


def one_scaler_each(manifests: Manifests) -> Iterator[str]:
    """One autoscaler a process, from two replicas to as many as help; KEDA makes its own for what it scales."""
    for name in MESH:
        scalers = [
            scaler
            for scaler in manifests.of_kind("HorizontalPodAutoscaler", "ScaledObject")
            if scaler["spec"]["scaleTargetRef"]["name"] == name
        ]
        if len(scalers) != 1:
            yield f"{name} has {len(scalers)} autoscalers"
            continue
        spec = scalers[0]["spec"]
        least = spec.get("minReplicas", spec.get("minReplicaCount"))
        most = spec.get("maxReplicas", spec.get("maxReplicaCount"))
        if (least, most) != (REPLICAS_MIN, REPLICAS_MAX[name]):
            yield f"{name} is scaled from {least} to {most}"


def disruptions(manifests: Manifests) -> Iterator[str]:
    """A node can always be drained, and never takes a whole process with it."""
    for name in MESH:
        budget = manifests.named("PodDisruptionBudget", name)
        workload = manifests.named("Deployment", name)
        if budget is None or workload is None:
            yield f"{name} has no budget"
            continue
        spec = budget["spec"]
        if not 1 <= spec.get("maxUnavailable", 0) < REPLICAS_MIN:
            yield f"of {REPLICAS_MIN} replicas of {name} {spec.get('maxUnavailable')} may go"
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"pods of {name} that are not ready would keep a node from being drained"
        if not selects(spec["selector"], labels_of(workload)):
            yield f"the budget of {name} is for other pods"

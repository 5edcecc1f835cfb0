"""Our own rules over everything that can be applied; and that each of them finds what it is for."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.k8s.certificates import KEYS
from tests.k8s.manifests import MESH, Manifests, pod_of, quantity
from tests.k8s.renderings import RENDERINGS, rendering
from tests.k8s.rules import environment, pods, references, scaling, settings, tls

Rule = Callable[[Manifests], Iterator[str]]

WHOLE = [name for name in RENDERINGS if name != "base"]

RULES: list[Rule] = [
    pods.restricted,
    pods.no_token,
    pods.probes,
    pods.alive_whatever_it_waits_for,
    pods.resources,
    pods.bounded_disks,
    pods.images,
    scaling.rollouts,
    scaling.one_scaler_each,
    scaling.disruptions,
    references.one_namespace,
    references.services,
    references.selectors,
    references.default_deny,
    references.config_map,
    references.roles,
    references.scaled_objects,
    references.ingresses,
    references.secrets_have_no_values,
    environment.keys,
    settings.settings,
    environment.starts,
    environment.ports_and_names,
    environment.ends_in_time,
    environment.identities,
    environment.secrets_are_made,
    environment.databases_apart,
    tls.tls,
    tls.probes_in_plaintext,
    tls.readable_secrets,
]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_holds(rule: Rule, name: str) -> None:
    assert list(rule(rendering(name))) == []


def thing(manifests: Manifests, kind: str, name: str) -> Any:
    found = manifests.named(kind, name)
    assert found is not None
    return found


def pod(manifests: Manifests, name: str = "orders", kind: str = "Deployment") -> Any:
    return pod_of(thing(manifests, kind, name))


def container(manifests: Manifests, name: str = "orders") -> Any:
    return pod(manifests, name)["containers"][0]


def policy(manifests: Manifests, name: str) -> Any:
    return thing(manifests, "NetworkPolicy", name)["spec"]


def drop(manifests: Manifests, kind: str, name: str) -> None:
    manifests.objects.remove(thing(manifests, kind, name))  # type: ignore[attr-defined] # it is a list of our own


def set_env(manifests: Manifests, key: str, **value: Any) -> None:
    env = container(manifests)["env"]
    env[:] = [entry for entry in env if entry["name"] != key]
    if value:
        env.append({"name": key, **value})


def secret_files(manifests: Manifests) -> Any:
    """What is mounted of the Secret, by its name as a file."""
    (volume,) = (volume for volume in pod(manifests)["volumes"] if volume["name"] == "secrets")
    return {item["path"]: item for item in volume["secret"]["items"]}


def without_tls(manifests: Manifests) -> None:
    for key in KEYS.values():
        set_env(manifests, key)


def tls_volume(manifests: Manifests) -> Any:
    (volume,) = (volume for volume in pod(manifests)["volumes"] if volume["name"] == "tls")
    return volume["secret"]


def secret_key(key: str) -> Any:
    return {"secretKeyRef": {"name": "ordermesh-secrets", "key": key}}


FAULTS: dict[str, tuple[Rule, Callable[[Manifests], Any]]] = {
    "root": (pods.restricted, lambda m: pod(m)["securityContext"].update(runAsUser=0)),
    "no seccomp": (pods.restricted, lambda m: pod(m)["securityContext"].pop("seccompProfile")),
    "host network": (pods.restricted, lambda m: pod(m).update(hostNetwork=True)),
    "host path": (pods.restricted, lambda m: pod(m).update(volumes=[{"name": "x", "hostPath": {"path": "/"}}])),
    "a capability": (
        pods.restricted,
        lambda m: container(m)["securityContext"]["capabilities"].update(add=["NET_RAW"]),
    ),
    "a root that can be written": (
        pods.restricted,
        lambda m: container(m)["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    "a container as root": (pods.restricted, lambda m: container(m)["securityContext"].update(runAsUser=0)),
    "a token": (pods.no_token, lambda m: pod(m).pop("automountServiceAccountToken")),
    "a mounted token": (
        pods.no_token,
        lambda m: pod(m).update(
            volumes=[{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]
        ),
    ),
    "somebody else's account": (pods.no_token, lambda m: pod(m).update(serviceAccountName="gateway")),
    "service links": (pods.no_token, lambda m: pod(m).update(enableServiceLinks=True)),
    "no liveness": (pods.probes, lambda m: container(m).pop("livenessProbe")),
    "a probe at no port": (pods.probes, lambda m: container(m)["livenessProbe"]["grpc"].update(port=50051)),
    "liveness by readiness": (
        pods.alive_whatever_it_waits_for,
        lambda m: container(m)["livenessProbe"]["grpc"].update(service=""),
    ),
    "no memory limit": (pods.resources, lambda m: container(m)["resources"].pop("limits")),
    "a limit of CPU": (pods.resources, lambda m: container(m)["resources"]["limits"].update(cpu="1")),
    "too much CPU together": (pods.resources, lambda m: container(m)["resources"]["requests"].update(cpu="900m")),
    "too much memory together": (
        pods.resources,
        lambda m: container(m).update(
            resources={"requests": {"cpu": "40m", "memory": "600Mi"}, "limits": {"memory": "2Gi"}}
        ),
    ),
    "a disk without end": (pods.bounded_disks, lambda m: pod(m).update(volumes=[{"name": "x", "emptyDir": {}}])),
    "latest": (pods.images, lambda m: container(m, "redis").update(image="redis:latest")),
    "no tag": (pods.images, lambda m: container(m, "redis").update(image="registry:5000/redis")),
    "two images of ours": (pods.images, lambda m: container(m).update(image="ordermesh:other")),
    "a missing process": (pods.images, lambda m: drop(m, "Deployment", "notifier")),
    "one goes before one comes": (
        scaling.rollouts,
        lambda m: thing(m, "Deployment", "orders")["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1),
    ),
    "all on one node": (scaling.rollouts, lambda m: pod(m)["topologySpreadConstraints"].pop()),
    "no autoscaler": (scaling.one_scaler_each, lambda m: drop(m, "HorizontalPodAutoscaler", "orders")),
    "scaled to one": (
        scaling.one_scaler_each,
        lambda m: thing(m, "HorizontalPodAutoscaler", "orders")["spec"].update(minReplicas=1),
    ),
    "scaled to where they are in each other's way": (
        scaling.one_scaler_each,
        lambda m: thing(m, "HorizontalPodAutoscaler", "inventory")["spec"].update(maxReplicas=10),
    ),
    "no budget": (scaling.disruptions, lambda m: drop(m, "PodDisruptionBudget", "orders")),
    "both may go": (
        scaling.disruptions,
        lambda m: thing(m, "PodDisruptionBudget", "orders")["spec"].update(maxUnavailable=2),
    ),
    "none may go": (
        scaling.disruptions,
        lambda m: thing(m, "PodDisruptionBudget", "orders")["spec"].update(maxUnavailable=0),
    ),
    "another namespace": (
        references.one_namespace,
        lambda m: thing(m, "Service", "orders")["metadata"].update(namespace="default"),
    ),
    "a baseline namespace": (
        references.one_namespace,
        lambda m: thing(m, "Namespace", "ordermesh")["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
    ),
    "a Service that finds nobody": (
        references.services,
        lambda m: thing(m, "Service", "orders")["spec"]["selector"].update({"app.kubernetes.io/name": "order"}),
    ),
    "one address for gRPC": (references.services, lambda m: thing(m, "Service", "orders")["spec"].pop("clusterIP")),
    "a policy for nobody": (
        references.selectors,
        lambda m: policy(m, "orders")["podSelector"]["matchLabels"].update({"app.kubernetes.io/name": "order"}),
    ),
    "allowed by default": (references.default_deny, lambda m: policy(m, "default-deny")["policyTypes"].pop()),
    "an unused key": (references.config_map, lambda m: m.of_kind("ConfigMap")[0]["data"].update(HOLD_SECONDS="1")),
    "a key that is not there": (references.config_map, lambda m: m.of_kind("ConfigMap")[0]["data"].pop("AUTH_ADDR")),
    "all secrets": (references.roles, lambda m: thing(m, "Role", "secrets")["rules"][0].pop("resourceNames")),
    "a secret's value": (
        references.secrets_have_no_values,
        lambda m: set_env(m, "SERVICE_CLIENT_SECRET", value="s3cret"),
    ),
    "a Secret that wipes": (
        references.secrets_have_no_values,
        lambda m: thing(m, "Secret", "ordermesh-secrets").update(data={}),
    ),
    "a key that nobody reads": (environment.keys, lambda m: set_env(m, "ORDER_LIMIT", value="1")),
    "a port that anybody may set": (settings.settings, lambda m: set_env(m, "GRPC_PORT")),
    "a secret that nothing tells": (settings.settings, lambda m: set_env(m, "SERVICE_CLIENT_SECRET")),
    "a secret that anybody may set": (
        settings.settings,
        lambda m: set_env(m, "CORS_ORIGINS", valueFrom=secret_key("CORS_ORIGINS")),
    ),
    "a container that takes no settings": (settings.settings, lambda m: container(m).pop("envFrom")),
    "settings that must be there": (
        settings.settings,
        lambda m: container(m)["envFrom"][0]["configMapRef"].update(optional=False),
    ),
    "a missing key": (environment.starts, lambda m: set_env(m, "AWS_SQS_QUEUE_URL")),
    "a missing store": (environment.starts, lambda m: set_env(m, "REDIS_URL")),
    "a wrong value": (environment.starts, lambda m: set_env(m, "HOLD_SECONDS", value="-1")),
    "another port": (environment.ports_and_names, lambda m: set_env(m, "GRPC_PORT", value="50055")),
    "another name": (
        environment.ports_and_names,
        lambda m: m.of_kind("ConfigMap")[0]["data"].update(AUTH_ADDR="dns:///auth:50052"),
    ),
    "killed while it drains": (environment.ends_in_time, lambda m: pod(m).update(terminationGracePeriodSeconds=10)),
    "a longer drain": (environment.ends_in_time, lambda m: set_env(m, "DRAIN_SECONDS", value="25")),
    "somebody else's secret": (
        environment.identities,
        lambda m: set_env(m, "JWT_SECRET", valueFrom=secret_key("JWT_SECRET")),
    ),
    "a secret that nobody makes": (
        environment.secrets_are_made,
        lambda m: set_env(m, "SERVICE_CLIENT_SECRET", valueFrom=secret_key("X")),
    ),
}

FAULTS_ON_AWS: dict[str, tuple[Rule, Callable[[Manifests], Any]]] = {
    "a queue that KEDA does not look at": (
        references.scaled_objects,
        lambda m: thing(m, "ScaledObject", "notifier")["spec"]["triggers"][0]["metadata"].update(queueURL="another"),
    ),
    "one without TLS": (tls.tls, without_tls),
    "h2c that is encrypted": (
        tls.tls,
        lambda m: thing(m, "Service", "orders")["spec"]["ports"][0].update(appProtocol="kubernetes.io/h2c"),
    ),
    "a probe that would have to speak TLS": (
        tls.probes_in_plaintext,
        lambda m: container(m)["readinessProbe"]["grpc"].update(port=50052),
    ),
    "somebody else's certificate": (
        environment.identities,
        lambda m: tls_volume(m).update(secretName="auth-tls"),
    ),
    "a certificate that nobody makes": (
        environment.secrets_are_made,
        lambda m: tls_volume(m).update(secretName="order-tls"),
    ),
    "a certificate that is not where it is looked for": (
        environment.starts,
        lambda m: tls_volume(m)["items"][0].update(path="cert.pem"),
    ),
    "a key that only root reads": (tls.readable_secrets, lambda m: pod(m)["securityContext"].pop("fsGroup")),
    "a key that everybody reads": (tls.readable_secrets, lambda m: tls_volume(m).pop("defaultMode")),
    "a host without a certificate": (
        references.ingresses,
        lambda m: thing(m, "Ingress", "gateway")["spec"]["rules"][0].update(host="shop.example.com"),
    ),
    "plain HTTP": (
        references.ingresses,
        lambda m: thing(m, "Ingress", "gateway")["metadata"]["annotations"].pop(references.REDIRECT),
    ),
    "another service's user": (
        environment.databases_apart,
        lambda m: secret_files(m)["MONGO_URI"].update(key="AUTH_MONGO_URI"),
    ),
    "a user of no Secret": (
        environment.databases_apart,
        lambda m: set_env(m, "MONGO_URI_FILE", value="/etc/ordermesh/MONGO_URI"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_rule_finds_what_it_is_for(fault: str) -> None:
    rule, plant = FAULTS[fault]
    faulty = Manifests(deepcopy(rendering("demo").objects))
    plant(faulty)

    assert list(rule(faulty)) != []


@pytest.mark.parametrize("fault", FAULTS_ON_AWS)
def test_each_rule_finds_what_it_is_for_on_aws(fault: str) -> None:
    rule, plant = FAULTS_ON_AWS[fault]
    faulty = Manifests(deepcopy(rendering("aws with components").objects))
    plant(faulty)

    assert list(rule(faulty)) != []


def test_every_rule_is_shown_to_find_something() -> None:
    shown = {rule for rule, _ in (*FAULTS.values(), *FAULTS_ON_AWS.values())}

    assert shown == set(RULES)


def test_only_secrets_that_are_being_rotated_may_be_missing() -> None:
    optional = {
        key
        for container in rendering("demo").containers()
        for key, entry in container.env.items()
        if any(source.get("optional") for source in entry.get("valueFrom", {}).values())
    }

    assert optional == set(environment.ROTATING)


def test_two_replicas_of_the_demo_fit_beside_a_clusters_own_pods_into_two_cores_and_four_gibibytes() -> None:
    requests = [
        (container.spec["resources"]["requests"], pods_of(container.workload))
        for container in rendering("demo").containers()
    ]

    assert sum(quantity(request["cpu"]) * count for request, count in requests) < 1.0
    assert sum(quantity(request["memory"]) * count for request, count in requests) < 2.5 * 2**30


def pods_of(workload: str) -> int:
    return 2 if workload in MESH else 1

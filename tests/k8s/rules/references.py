"""What is named is there, and what is there is named."""

from collections.abc import Iterator

from tests.k8s.manifests import WORKLOADS, Manifests, Object, labels_of, selects

NAMESPACE = "ordermesh"
CLUSTER_WIDE = ("Namespace",)
BALANCED = ("gateway", "redis", "moto")
"""Services that connections are spread over. The others are headless: their callers spread calls, over all pods."""


def one_namespace(manifests: Manifests) -> Iterator[str]:
    """Everything is in the namespace, whose pods must be `restricted`."""
    for thing in manifests.objects:
        if thing["kind"] not in CLUSTER_WIDE and thing["metadata"].get("namespace") != NAMESPACE:
            yield f"{thing['kind']} {thing['metadata']['name']} is in {thing['metadata'].get('namespace')}"
    namespace = manifests.named("Namespace", NAMESPACE)
    labels = namespace["metadata"]["labels"] if namespace else {}
    for mode in ("enforce", "audit", "warn"):
        if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
            yield f"pods are not held to `restricted` by {mode}"


def services(manifests: Manifests) -> Iterator[str]:
    """A Service finds the pods of its name, at ports that they have; those that are called by gRPC are headless."""
    ports: dict[str, set[str]] = {}
    for container in manifests.containers():
        ports.setdefault(container.workload, set()).update(container.ports)
    for service in manifests.of_kind("Service"):
        name, spec = service["metadata"]["name"], service["spec"]
        found = [
            workload["metadata"]["name"]
            for workload in manifests.of_kind(*WORKLOADS)
            if selects({"matchLabels": spec["selector"]}, labels_of(workload))
        ]
        if found != [name]:
            yield f"the Service {name} finds {found}"
        if not {port["targetPort"] for port in spec["ports"]} <= ports.get(name, set()):
            yield f"the Service {name} leads to a port that is not there"
        if (spec.get("clusterIP") == "None") == (name in BALANCED):
            yield f"the Service {name} has clusterIP {spec.get('clusterIP')}"


def selectors(manifests: Manifests) -> Iterator[str]:
    """A workload selects its own pods and nobody else's; every policy is for somebody."""
    workloads = manifests.of_kind(*WORKLOADS)
    for workload in manifests.of_kind("Deployment", "StatefulSet"):
        found = [other for other in workloads if selects(workload["spec"]["selector"], labels_of(other))]
        if found != [workload]:
            yield f"{workload['metadata']['name']} selects the pods of {len(found)} workloads"
    for policy in manifests.of_kind("NetworkPolicy"):
        for selector in (policy["spec"]["podSelector"], *_peers(policy)):
            named = _names(selector)
            if missing := named - {workload["metadata"]["name"] for workload in workloads}:
                yield f"the policy {policy['metadata']['name']} names {sorted(missing)}"


def _peers(policy: Object) -> Iterator[Object]:
    for side, key in (("ingress", "from"), ("egress", "to")):
        for rule in policy["spec"].get(side) or []:
            for peer in rule.get(key, []):
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    yield peer["podSelector"]


def _names(selector: Object) -> set[str]:
    key = "app.kubernetes.io/name"
    names = {selector["matchLabels"][key]} if key in selector.get("matchLabels", {}) else set()
    for expression in selector.get("matchExpressions", []):
        names |= set(expression["values"]) if expression["key"] == key else set()
    return names


def default_deny(manifests: Manifests) -> Iterator[str]:
    """What no policy allows is forbidden, in and out, to every pod there is."""
    policy = manifests.named("NetworkPolicy", "default-deny")
    if policy is None or policy["spec"] != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield "nothing is denied by default"


def config_map(manifests: Manifests) -> Iterator[str]:
    """Every key of the ConfigMap is used, and every key that is used is there."""
    (config,) = manifests.of_kind("ConfigMap")
    used = set()
    for container in manifests.containers():
        for key, entry in container.env.items():
            ref = entry.get("valueFrom", {}).get("configMapKeyRef")
            if ref is None:
                continue
            used.add(ref["key"])
            if ref["name"] != config["metadata"]["name"]:
                yield f"{container.name} reads {key} from {ref['name']}, which is not there"
            if ref["key"] != key or ref.get("optional"):
                yield f"{container.name} reads {key} as {ref}"
    if used != set(config["data"]):
        yield f"of the ConfigMap's keys these are not used, or not there: {sorted(used ^ set(config['data']))}"


GRANTED = {
    "apiGroups": [""],
    "resources": ["secrets"],
    "resourceNames": ["ordermesh-secrets"],
    "verbs": ["get", "patch"],
}


def roles(manifests: Manifests) -> Iterator[str]:
    """One Job may do one thing with one Secret."""
    rules = [rule for role in manifests.of_kind("Role") for rule in role["rules"]]
    for rule in rules:
        if rule != GRANTED:
            yield f"somebody may {rule}"
    for binding in manifests.of_kind("RoleBinding"):
        if binding["subjects"] != [{"kind": "ServiceAccount", "name": "secrets", "namespace": NAMESPACE}]:
            yield f"the Role is given to {binding['subjects']}"
    if manifests.of_kind("ClusterRole", "ClusterRoleBinding"):
        yield "somebody may do something in the whole cluster"


def scaled_objects(manifests: Manifests) -> Iterator[str]:
    """KEDA's kinds have no schema here: what they name is there, and what must be said is said."""
    for scaled in manifests.of_kind("ScaledObject"):
        spec, config = scaled["spec"], manifests.config()
        if not manifests.named("Deployment", spec["scaleTargetRef"]["name"]):
            yield f"KEDA scales {spec['scaleTargetRef']['name']}, which is not there"
        for trigger in spec["triggers"]:
            if not manifests.named("TriggerAuthentication", trigger["authenticationRef"]["name"]):
                yield f"KEDA asks with {trigger['authenticationRef']['name']}, which is not there"
            said = {key: trigger["metadata"].get(key) for key in ("queueURL", "awsRegion")}
            if said != {"queueURL": config["AWS_SQS_QUEUE_URL"], "awsRegion": config["AWS_REGION"]}:
                yield f"KEDA looks at another queue than the notifier: {said}"
            if not all(isinstance(value, str) for value in trigger["metadata"].values()):
                yield "the metadata of a trigger are texts"


REDIRECT = "nginx.ingress.kubernetes.io/force-ssl-redirect"


def ingresses(manifests: Manifests) -> Iterator[str]:
    """Whoever logs in from outside does it by TLS: every host has a certificate, and plain HTTP only leads there."""
    for ingress in manifests.of_kind("Ingress"):
        name, spec = ingress["metadata"]["name"], ingress["spec"]
        certified = {host for entry in spec.get("tls", []) if entry.get("secretName") for host in entry["hosts"]}
        for host in {rule.get("host") for rule in spec["rules"]} - certified:
            yield f"the Ingress {name} takes plain HTTP for {host}"
        if ingress["metadata"].get("annotations", {}).get(REDIRECT) != "true":
            yield f"the Ingress {name} does not redirect to HTTPS"


def secrets_have_no_values(manifests: Manifests) -> Iterator[str]:
    """No secret is in a manifest, and applying one wipes none that is in the cluster."""
    for secret in manifests.of_kind("Secret"):
        if {"data", "stringData"} & set(secret):
            yield f"the Secret {secret['metadata']['name']} is applied with data"
    for container in manifests.containers():
        for key, entry in container.env.items():
            is_secret = any(word in key for word in ("SECRET", "PASSWORD", "ACCESS_KEY")) and not key.endswith("_FILE")
            if is_secret and "secretKeyRef" not in entry.get("valueFrom", {}):
                yield f"{container.name} has {key} as a value"

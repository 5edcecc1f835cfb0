"""Commands that documents have for a cluster fit what is applied there."""

import json
import re
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

from chassis.rate_limits import OFF
from deploy.cluster.credentials import service_clients
from deploy.local.environments import ROOT
from tests.documents import document
from tests.k8s.manifests import MESH, WORKLOADS, labels_of
from tests.k8s.renderings import DEMO, K8S, TOOLS, read, render_with, rendering
from tests.k8s.rules.environment import configured
from tests.k8s.rules.settings import SETTINGS


def block(path: str, command: str) -> list[str]:
    """The lines of the one block of a document that has a command beginning so."""
    blocks = [text.splitlines() for text in document.read(ROOT / path).blocks]
    (found,) = (lines for lines in blocks if any(line.startswith(command) for line in lines))
    return found


def test_a_restore_stops_every_process_the_gateway_first_and_pauses_keda_until_after_the_audit() -> None:
    manifests = rendering("aws with components")
    steps = block("docs/OPERATIONS.md", "mongorestore")
    text = "\n".join(steps)
    stopped = re.findall(r"scale deployment (.+) --replicas=0", text)
    started = re.findall(r"scale deployment (.+) --replicas=2", text)
    paused = re.findall(r"annotate scaledobject (\S+) autoscaling\.keda\.sh/paused-replicas=\"0\"", text)
    labels = [labels_of(workload).items() for workload in manifests.of_kind(*WORKLOADS)]

    assert stopped[0] == "gateway"
    assert sorted(" ".join(stopped).split()) == sorted(" ".join(started).split()) == sorted(MESH)
    assert paused == [scaled["metadata"]["name"] for scaled in manifests.of_kind("ScaledObject")]
    assert "paused-replicas=" in steps[0]
    assert text.index("make audit") < text.index("paused-replicas-") < text.index(f"scale deployment {started[-1]}")
    for selector in re.findall(r"--selector=(\S+)", text):
        assert any(tuple(selector.split("=")) in known for known in labels)


def created_by(commands: str) -> Any:
    """What the shell's ``kubectl create`` would send."""
    here = f'kubectl() {{ "{TOOLS}/kubectl" "$@" --dry-run=client --output=json; }}'
    run = subprocess.run(  # noqa: S603 - our own document
        ["/bin/bash", "-euc", f"{here}\n{commands}"], capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


def test_the_secret_that_the_readme_makes_has_every_key_and_lets_each_process_start() -> None:
    manifests = rendering("aws")
    commands = block("deploy/k8s/README.md", "kubectl -n ordermesh create secret generic")
    secret = created_by("\n".join(commands))
    made = {key: b64decode(value).decode() for key, value in secret["data"].items()}
    asked = {key for container in manifests.containers() for _, key, _ in container.secret_keys()}

    assert (secret["metadata"]["namespace"], secret["metadata"]["name"]) == ("ordermesh", "ordermesh-secrets")
    assert made.keys() == asked
    assert made["SERVICE_CLIENTS"] == service_clients(made)
    for container in manifests.processes().values():
        configured(manifests, container, made)


def test_the_settings_of_the_readmes_example_reach_the_gateway() -> None:
    manifests = rendering("aws")
    *create, restart = block("deploy/k8s/README.md", f"kubectl -n ordermesh create configmap {SETTINGS}")
    config_map = created_by("\n".join(create))
    gateway = configured(manifests, manifests.processes()["gateway"], settings=config_map["data"])

    assert (config_map["metadata"]["namespace"], config_map["metadata"]["name"]) == ("ordermesh", SETTINGS)
    assert config_map["data"].keys() == {"CORS_ORIGINS", "REQUEST_LIMIT_ADDRESS"}
    assert gateway.cors_origins.allowed == {config_map["data"]["CORS_ORIGINS"]}
    assert gateway.request_limit != OFF
    assert restart.split()[:5] == ["kubectl", "-n", "ordermesh", "rollout", "restart"]
    assert set(restart.split()[6:]) == set(MESH)


def test_what_a_manifest_says_wins_over_settings() -> None:
    manifests = rendering("aws")
    orders = configured(manifests, manifests.processes()["orders"], settings={"GRPC_PORT": "1", "QUEUE_DEPTH_MAX": "7"})

    assert (orders.server.grpc_port, orders.queue_depth_max) == (50052, 7)


def test_settings_that_kustomize_makes_replace_pods_when_they_change(tmp_path: Path) -> None:
    shutil.copytree(K8S, tmp_path / "k8s")
    manifests = read(render_with(tmp_path / "k8s", DEMO, [], settings=["HOLD_SECONDS=60"]))
    (made,) = (thing for thing in manifests.of_kind("ConfigMap") if "HOLD_SECONDS" in thing["data"])
    taken = {container.spec["envFrom"][0]["configMapRef"]["name"] for container in manifests.processes().values()}

    assert made["metadata"]["name"].startswith(f"{SETTINGS}-")
    assert taken == {made["metadata"]["name"]}

"""Commands that documents have for a cluster fit what is applied there."""

import json
import re
import subprocess
from base64 import b64decode

from deploy.cluster.credentials import service_clients
from deploy.local.environments import ROOT
from tests.documents.document import read
from tests.k8s.manifests import MESH, WORKLOADS, labels_of
from tests.k8s.renderings import TOOLS, rendering
from tests.k8s.rules.environment import configured


def block(document: str, command: str) -> list[str]:
    """The lines of the one block of a document that has a command beginning so."""
    blocks = [text.splitlines() for text in read(ROOT / document).blocks]
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


def test_the_secret_that_the_readme_makes_has_every_key_and_lets_each_process_start() -> None:
    manifests = rendering("aws")
    commands = "\n".join(block("deploy/k8s/README.md", "kubectl -n ordermesh create secret generic"))
    here = f'kubectl() {{ "{TOOLS}/kubectl" "$@" --dry-run=client --output=json; }}'
    run = subprocess.run(  # noqa: S603 - our own document
        ["/bin/bash", "-euc", f"{here}\n{commands}"], capture_output=True, text=True, check=True
    )
    secret = json.loads(run.stdout)
    made = {key: b64decode(value).decode() for key, value in secret["data"].items()}
    asked = {key for container in manifests.containers() for _, key, _ in container.secret_keys()}

    assert (secret["metadata"]["namespace"], secret["metadata"]["name"]) == ("ordermesh", "ordermesh-secrets")
    assert made.keys() == asked
    assert made["SERVICE_CLIENTS"] == service_clients(made)
    for container in manifests.processes().values():
        configured(manifests, container, made)

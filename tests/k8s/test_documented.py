"""Commands that documents have for a cluster fit what is applied there."""

import re

from deploy.local.environments import ROOT
from tests.documents.document import read
from tests.k8s.manifests import MESH, WORKLOADS, labels_of
from tests.k8s.renderings import rendering


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

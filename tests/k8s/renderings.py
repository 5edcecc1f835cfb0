"""What kustomize makes of ``deploy/k8s``: the overlays as they are, and with every component."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from deploy.local.environments import ROOT
from tests.k8s.manifests import Manifests

TOOLS = ROOT / ".venv-tools" / "bin"
K8S = ROOT / "deploy" / "k8s"
RENDERED = K8S / "ordermesh.yaml"
BEGINNING = "# Written by `make k8s` from deploy/k8s: kubectl apply -f deploy/k8s/ordermesh.yaml\n"

DEMO, AWS = ".", "overlays/aws"
FILLED_IN = {
    "AWS_REGION": "eu-central-1",
    "AWS_SQS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/ordermesh",
    "AWS_SQS_DLQ_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/ordermesh-dead-letters",
    "AWS_SES_SENDER_EMAIL": "orders@example.com",
    "ORDERS_ROLE_ARN": "arn:aws:iam::123456789012:role/ordermesh-orders",
    "NOTIFIER_ROLE_ARN": "arn:aws:iam::123456789012:role/ordermesh-notifier",
}
"""What somebody writes into ``values.env`` of the aws overlay."""

PROXIES = "TRUSTED_PROXIES=10.1.0.0/16"
"""And into the component ingress."""

RENDERINGS = {
    "base": ("base", ()),
    "demo": (DEMO, ()),
    "demo with tls": (DEMO, ("tls",)),
    "demo with components": (DEMO, ("grpc-clients", "ingress", "mongodb-storage", "otel", "tls")),
    "aws": (AWS, ()),
    "aws with tls": (AWS, ("tls",)),
    "aws with components": (AWS, ("grpc-clients", "ingress", "keda", "otel", "tls")),
}
"""By name: what is rendered, and which components are added to it."""


@cache
def rendering(name: str) -> Manifests:
    """One of ``RENDERINGS``, with the values that its overlay asks for."""
    with TemporaryDirectory(prefix="ordermesh-k8s-") as folder:
        copy = Path(folder) / "k8s"
        shutil.copytree(K8S, copy)
        fill_in(copy)
        return read(render_with(copy, *RENDERINGS[name]))


def fill_in(k8s: Path) -> None:
    """Say in a copy of ``deploy/k8s`` what it cannot know."""
    (k8s / AWS / "values.env").write_text("".join(f"{key}={value}\n" for key, value in FILLED_IN.items()))
    ingress = k8s / "components" / "ingress" / "kustomization.yaml"
    ingress.write_text(ingress.read_text().replace("TRUSTED_PROXIES=CHANGE-ME", PROXIES))


def render_with(k8s: Path, what: str, components: Sequence[str], settings: Sequence[str] = ()) -> str:
    """Render ``what`` of a copy of ``deploy/k8s`` as somebody does who adds to it in a folder of their own."""
    if not (components or settings):
        return render(k8s / what)
    own = k8s.with_name("own")
    own.mkdir(exist_ok=True)
    kustomization: dict[str, object] = {
        "resources": [os.path.relpath(k8s / what, own)],
        "components": [f"../{k8s.name}/components/{component}" for component in components],
    }
    if settings:
        kustomization["namespace"] = "ordermesh"
        kustomization["configMapGenerator"] = [{"name": "ordermesh-settings", "literals": list(settings)}]
    (own / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(own)


def render(folder: Path) -> str:
    """What kustomize says."""
    command = [str(TOOLS / "kubectl"), "kustomize", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - of the tools' lock
    if run.returncode or run.stderr:
        raise AssertionError(f"{folder}: {run.stderr}")
    return run.stdout


def read(text: str) -> Manifests:
    """The objects of a rendering."""
    return Manifests([document for document in yaml.safe_load_all(text) if document])


def rendered_demo() -> str:
    """What ``ordermesh.yaml`` has to say."""
    return BEGINNING + render(K8S)


if __name__ == "__main__":
    RENDERED.write_text(rendered_demo())

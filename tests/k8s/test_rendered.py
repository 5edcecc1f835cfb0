"""What is applied without kustomize, and what an overlay says that nobody filled in."""

import re
import shutil
from pathlib import Path

import pytest

from chassis.config import ConfigError
from tests.k8s.manifests import MESH
from tests.k8s.renderings import (
    AWS,
    DEMO,
    FILLED_IN,
    K8S,
    RENDERED,
    RENDERINGS,
    read,
    render,
    render_with,
    rendered_demo,
    rendering,
)
from tests.k8s.rules.environment import configured


def test_the_rendered_demo_is_up_to_date() -> None:
    assert RENDERED.read_text() == rendered_demo(), "make k8s"


def test_the_values_of_the_aws_overlay_are_all_in_one_file_and_all_are_used() -> None:
    values = dict(re.findall(r"^([A-Z_]+)=(.*)$", (K8S / AWS / "values.env").read_text(), re.MULTILINE))
    unfilled, filled = render(K8S / AWS), rendering("aws")

    assert values.keys() == FILLED_IN.keys()
    assert all("CHANGE-ME" in value for value in values.values())
    for value in values.values():
        assert value in unfilled
    assert "aws-values" not in str(filled.objects)


@pytest.mark.parametrize("name", RENDERINGS)
def test_nothing_is_left_to_be_filled_in(name: str) -> None:
    assert "CHANGE-ME" not in str(rendering(name).objects)


def test_a_notifier_with_values_that_nobody_filled_in_does_not_start() -> None:
    manifests = read(render(K8S / AWS))

    with pytest.raises(ConfigError, match="AWS_SES_SENDER_EMAIL must be an e-mail address"):
        configured(manifests, manifests.processes()["notifier"])


def test_a_gateway_that_was_not_told_its_proxies_does_not_start(tmp_path: Path) -> None:
    shutil.copytree(K8S, tmp_path / "k8s")
    manifests = read(render_with(tmp_path / "k8s", DEMO, ["ingress"]))

    with pytest.raises(ConfigError, match="TRUSTED_PROXIES must be a list of addresses and networks: 'CHANGE-ME'"):
        configured(manifests, manifests.processes()["gateway"])


def test_the_readme_names_every_key_of_the_secret_that_the_aws_overlay_needs() -> None:
    asked = {key for container in rendering("aws").containers() for _, key, _ in container.secret_keys()}
    described = set(re.findall(r"^\| `([A-Z_]+)` \|", (K8S / "README.md").read_text(), re.MULTILINE))

    assert described == asked


@pytest.mark.parametrize("overlay", ["overlays/demo", "overlays/aws"])
def test_an_overlay_has_one_place_for_the_image(overlay: str) -> None:
    text = (K8S / overlay / "kustomization.yaml").read_text()

    assert len(re.findall(r"^  - name: ordermesh\n    newName: \S+\n    newTag: \S+$", text, re.MULTILINE)) == 1


def test_the_namespace_of_the_components_is_the_overlays_own() -> None:
    for component in Path(K8S / "components").iterdir():
        assert "\nnamespace: ordermesh\n" in (component / "kustomization.yaml").read_text()


def test_on_aws_every_secret_is_a_file_and_none_is_in_an_environment() -> None:
    containers = rendering("aws").containers()

    assert {container.workload for container in containers if container.secret_paths()} == set(MESH)
    assert not [key for container in containers for _, _, key in container.secret_keys() if key is not None]

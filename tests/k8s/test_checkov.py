"""checkov finds nothing in what can be applied, but for what ``.checkov.yaml`` says why not."""

import json
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.k8s.renderings import K8S, TOOLS, rendering

CONFIGURATION = K8S / ".checkov.yaml"
CHECKS_MIN = 500
TERRAFORM_CHECKS_MIN = 25


def failures(folder: Path, framework: str = "kubernetes") -> tuple[int, set[str]]:
    """How many checks passed, and which did not."""
    run = subprocess.run(  # noqa: S603 - of the tools' lock
        [
            *(TOOLS / "checkov", "--config-file", CONFIGURATION, "--framework", framework),
            *("--directory", folder, "--output", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "LOG_LEVEL": "ERROR"},
    )
    report = json.loads(run.stdout)
    failed = {f"{check['check_id']} {check['resource']}" for check in report["results"]["failed_checks"]}
    return report["summary"]["passed"], failed


def test_nothing_is_found(tmp_path: Path) -> None:
    for name in ("demo with components", "aws with components"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(rendering(name).objects))

    passed, failed = failures(tmp_path)

    assert failed == set()
    assert passed > CHECKS_MIN


def test_nothing_is_found_in_what_terraform_applies(tmp_path: Path) -> None:
    shutil.copytree(K8S.parent / "aws", tmp_path / "aws")

    passed, failed = failures(tmp_path / "aws", "terraform")

    assert failed == set()
    assert passed > TERRAFORM_CHECKS_MIN


def test_a_root_that_can_be_written_is_found(tmp_path: Path) -> None:
    objects = [thing for thing in rendering("demo").objects if thing["metadata"]["name"] == "redis"]
    text = yaml.safe_dump_all(objects).replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    (tmp_path / "redis.yaml").write_text(text)

    _, failed = failures(tmp_path)

    assert failed == {"CKV_K8S_22 Deployment.ordermesh.redis"}

"""What Terraform makes in AWS is what the services expect there; as far as can be seen without an account."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from math import prod
from pathlib import Path
from string import Template

import pytest

from deploy.cluster.queues import RECEIVE_COUNT_MAX, RETENTION_SECONDS
from services.notifier.config import VISIBILITY_SECONDS_DEFAULT
from services.notifier.ses_mailer import identities_of
from services.notifier.sqs_queue import RECEIVE_WAIT_SECONDS
from tests.aws.places import DEPLOYED, QUEUE, ROOT


def test_queues_are_made_as_the_local_stack_makes_its_own() -> None:
    text = "".join((DEPLOYED / name).read_text() for name in ("queues.tf", "variables.tf"))

    def value(name: str) -> int:
        [found] = set(re.findall(rf"\b{name}\s*= ([0-9 *]+)", text))
        return prod(int(factor) for factor in found.split("*"))

    assert value("receive_count_max") == RECEIVE_COUNT_MAX
    assert value("retention_seconds") == RETENTION_SECONDS
    assert value("receive_wait_time_seconds") == RECEIVE_WAIT_SECONDS
    assert value("default") == VISIBILITY_SECONDS_DEFAULT, "visibility_seconds is the only number among the variables"


def test_queues_refuse_plaintext() -> None:
    text = (DEPLOYED / "policies" / "tls_only.json.tftpl").read_text()
    [statement] = json.loads(Template(text).substitute(queue_arn=json.dumps(QUEUE)))["Statement"]

    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == "sqs:*"
    assert statement["Resource"] == QUEUE
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_terraform_fills_in_what_the_overlay_wants() -> None:
    wanted = ROOT / "deploy" / "k8s" / "overlays" / "aws" / "values.env"
    given = re.findall(r"^    ([A-Z_]+) += ", (DEPLOYED / "outputs.tf").read_text(), re.MULTILINE)

    assert sorted(given) == sorted(re.findall(r"^([A-Z_]+)=", wanted.read_text(), re.MULTILINE))


@pytest.fixture
def terraform(tmp_path: Path) -> Callable[..., str]:
    """Runs Terraform, when there is one, where it needs no provider."""
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("there is no terraform here")

    def run(*arguments: str, typed: str = "", cwd: Path = tmp_path) -> str:
        command = [program, *arguments]
        done = subprocess.run(command, input=typed, cwd=cwd, text=True, capture_output=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_configuration_is_formatted(terraform: Callable[..., str]) -> None:
    assert terraform("fmt", "-check", "-diff", "-no-color", cwd=DEPLOYED) == ""


@pytest.mark.parametrize("domain", ["example.com", "mail.shop.example.com", "shop.example.co.uk"])
def test_terraform_names_the_identities_that_notifier_asks_about(
    terraform: Callable[..., str], tmp_path: Path, domain: str
) -> None:
    for name in ("variables.tf", "identities.tf"):
        shutil.copy(DEPLOYED / name, tmp_path)
    values = {
        "region": "eu-central-1",
        "sender_email": f"orders@{domain}",
        "oidc_provider_arn": "arn:aws:iam::123456789012:oidc-provider/oidc.example",
    }
    variables = [f"-var={name}={value}" for name, value in values.items()]

    answer = terraform("console", *variables, typed="jsonencode(local.sender_identities)")

    assert json.loads(json.loads(answer)) == identities_of(f"orders@{domain}")

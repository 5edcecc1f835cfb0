"""What the services may do in AWS is what they do there, and nothing more.

Their own adapters talk to moto here, and each request is held against the policy of its service
(``deploy/aws/policies``). moto looks at no resource of a policy, so the rules of IAM that ours need stand here.
"""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import get_session

from chassis.aws import AwsConfig, open_aws_client
from chassis.config import Environment
from deploy.local.moto_server import LocalAws
from services.notifier.errors import DependencyDown
from services.notifier.mail import Mail
from services.notifier.ses_mailer import SesMailer, identities_of
from services.notifier.sqs_queue import SqsDeadLetterQueue, SqsRedriveQueue
from services.notifier.sqs_queue import SqsQueue as NotifierQueue
from services.orders.order import Event, EventType
from services.orders.sqs_queue import SqsQueue as OrdersQueue

ROOT = Path(__file__).parent.parent
DEPLOYED = ROOT / "deploy" / "aws"
SERVICES = ("orders", "notifier")

QUEUE = "arn:aws:sqs:us-east-1:123456789012:ordermesh-orders"
DEAD_LETTERS = f"{QUEUE}-dead-letters"
SES = "arn:aws:ses:us-east-1:123456789012"
SENDER = "orders@mail.shop.example.com"
IDENTITIES = [f"{SES}:identity/{identity}" for identity in identities_of(SENDER)]
SENDING = [f"{SES}:identity/mail.shop.example.com", f"{SES}:configuration-set/ordermesh-orders"]
"""SES wants the right to both when an identity has a configuration set."""

PLACES = {
    "the queue": [QUEUE],
    "the dead-letter queue": [DEAD_LETTERS],
    "the sender, the configuration set": SENDING,
    "the sender's address, its domain, those above": IDENTITIES,
}
"""What the table of deploy/aws/README.md calls them."""

RIGHT_TO = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
"""IAM has no rights of their own for batches."""

NEVER = {
    "sqs:PurgeQueue",
    "sqs:DeleteQueue",
    "sqs:SetQueueAttributes",
    "ses:SendRawEmail",
    "ses:DeleteEmailIdentity",
    "iam:PassRole",
}

READ_SECONDS = 10.0

Need = tuple[str, str]
"""An action and a resource."""


@dataclass
class Recorder:
    """What the adapters of one service ask AWS for."""

    operations: set[str] = field(default_factory=set)
    needs: set[Need] = field(default_factory=set)
    senders: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def client(self, aws: LocalAws, service: Any) -> AsyncIterator[Any]:
        async with a_client(aws, service) as client:
            client.meta.events.register("provide-client-params", self._record)
            yield client

    def _record(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.operations.add(xform_name(model.name))
        action = f"{model.service_model.signing_name}:{RIGHT_TO.get(model.name, model.name)}"
        if "QueueUrl" in params:
            self.needs.add((action, DEAD_LETTERS if params["QueueUrl"].endswith("-dead-letters") else QUEUE))
        elif "EmailIdentity" in params:
            self.needs.add((action, f"{SES}:identity/{params['EmailIdentity']}"))
        else:
            self.senders.add(params["FromEmailAddress"])
            self.needs.update((action, resource) for resource in SENDING)


def a_client(aws: LocalAws, service: Any) -> Any:
    return open_aws_client(aws.config, service, attempts_max=1, read_timeout_seconds=READ_SECONDS)


@pytest.fixture(scope="module")
async def recorded(aws: LocalAws) -> dict[str, Recorder]:
    """Each adapter does everything that it can."""
    recorders = {service: Recorder() for service in SERVICES}
    async with (
        recorders["orders"].client(aws, "sqs") as publishing,
        recorders["notifier"].client(aws, "sqs") as sqs,
        recorders["notifier"].client(aws, "sesv2") as ses,
        a_client(aws, "sqs") as ours,
        a_client(aws, "sesv2") as our_ses,
    ):
        queue = (await ours.create_queue(QueueName="policies"))["QueueUrl"]
        dead_letters = (await ours.create_queue(QueueName="policies-dead-letters"))["QueueUrl"]
        await _publish(OrdersQueue(publishing, queue))
        await _work(NotifierQueue(sqs, queue, 5))
        await ours.send_message(QueueUrl=dead_letters, MessageBody="{}")
        await _drain(SqsDeadLetterQueue(sqs, dead_letters, 5))
        await SqsRedriveQueue(sqs, queue).send("{}", {})
        mailer = SesMailer(ses, SENDER, READ_SECONDS)
        with pytest.raises(DependencyDown):
            await mailer.probe()  # nothing is verified: it asks about each identity
        await our_ses.create_email_identity(EmailIdentity=SENDER)
        await mailer.send("ada@example.com", Mail("subject", "<p>text</p>", "text"))
    return recorders


async def _publish(queue: OrdersQueue) -> None:
    await queue.publish([Event("o-1:1", EventType.CREATED, "o-1", 1, datetime.now(UTC), "")])
    await queue.depth()


async def _work(queue: NotifierQueue) -> None:
    [message] = await queue.receive(1)
    await queue.extend([message])
    await queue.give_back(message, 0)
    [message] = await queue.receive(1)
    await queue.delete(message)


async def _drain(queue: SqsDeadLetterQueue) -> None:
    [message] = await queue.take(1)
    await queue.remove(message)


def policy_of(service: str) -> list[dict[str, Any]]:
    """The statements of its policy, as Terraform fills them in."""
    text = (DEPLOYED / "policies" / f"{service}.json.tftpl").read_text()
    values = {
        "queue_arn": QUEUE,
        "dead_letter_queue_arn": DEAD_LETTERS,
        "sending_arns": SENDING,
        "identity_arns": IDENTITIES,
        "sender_email": SENDER,
    }
    statements = json.loads(Template(text).substitute({name: json.dumps(value) for name, value in values.items()}))
    return list(statements["Statement"])


def is_allowed(statements: list[dict[str, Any]], need: Need, sender: str = SENDER) -> bool:
    """As IAM decides, for policies that only allow, with the one condition that ours have."""
    action, resource = need
    for statement in statements:
        assert statement["Effect"] == "Allow"
        condition = statement.get("Condition", {"StringEquals": {"ses:FromAddress": sender}})
        assert set(condition) == {"StringEquals"}
        assert set(condition["StringEquals"]) == {"ses:FromAddress"}
        if (
            _matches(statement["Action"], action)
            and _matches(statement["Resource"], resource)
            and condition["StringEquals"]["ses:FromAddress"] == sender
        ):
            return True
    return False


def _matches(patterns: str | list[str], value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))


@pytest.mark.parametrize("service", SERVICES)
async def test_each_call_is_allowed(recorded: dict[str, Recorder], service: str) -> None:
    statements = policy_of(service)

    assert [need for need in sorted(recorded[service].needs) if not is_allowed(statements, need)] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_nothing_else_is_allowed(recorded: dict[str, Recorder], service: str) -> None:
    statements = policy_of(service)
    actions = NEVER | {action for recorder in recorded.values() for action, _ in recorder.needs}
    resources = {"*", f"{QUEUE}-of-another-team", f"{SES}:identity/example.org"}.union(*PLACES.values())
    others = {(action, resource) for action in actions for resource in resources} - recorded[service].needs

    assert [need for need in sorted(others) if is_allowed(statements, need)] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_no_right_is_left_over(recorded: dict[str, Recorder], service: str) -> None:
    granted = {
        (action, resource)
        for statement in policy_of(service)
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }

    assert granted == recorded[service].needs


async def test_mails_are_from_the_sender_only(recorded: dict[str, Recorder]) -> None:
    statements = policy_of("notifier")

    assert recorded["notifier"].senders == {SENDER}
    assert not is_allowed(statements, ("ses:SendEmail", SENDING[0]), "ceo@mail.shop.example.com")


async def test_the_adapters_call_everything_that_is_called(recorded: dict[str, Recorder]) -> None:
    """Else a new call would need a right that nobody looks at here."""
    called = {service: set(_operations_in(ROOT / "services" / service)) for service in ("auth", "inventory", *SERVICES)}
    called["gateway"] = set(_operations_in(ROOT / "gateway"))

    assert called == {service: recorded[service].operations if service in recorded else set() for service in called}


def _operations_in(directory: Path) -> list[str]:
    """Methods of AWS's clients that are called in its modules."""
    session = get_session()
    known = {xform_name(name) for api in ("sqs", "sesv2") for name in session.get_service_model(api).operation_names}
    modules = [path for path in directory.rglob("*.py") if "tests" not in path.parts]
    calls = [node for path in modules for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [call.func.attr for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in known]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


async def test_the_table_of_the_readme_has_each_right(recorded: dict[str, Recorder]) -> None:
    rows = re.findall(r"^\| (orders|notifier) \| `([A-Za-z]+:[A-Za-z]+)` \| ([^|]+) \|", readme(), re.MULTILINE)
    documented = {service: set[Need]() for service in SERVICES}
    for service, action, place in rows:
        documented[service].update((action, resource) for resource in PLACES[place.strip()])

    assert documented == {service: recorded[service].needs for service in SERVICES}


def readme() -> str:
    return (DEPLOYED / "README.md").read_text()


def test_queues_refuse_plaintext() -> None:
    text = (DEPLOYED / "policies" / "tls_only.json.tftpl").read_text()
    [statement] = json.loads(Template(text).substitute(queue_arn=json.dumps(QUEUE)))["Statement"]

    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == "sqs:*"
    assert statement["Resource"] == QUEUE
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


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


def test_terraform_fills_in_what_the_overlay_wants() -> None:
    wanted = ROOT / "deploy" / "k8s" / "overlays" / "aws" / "values.env"
    if not wanted.exists():
        pytest.skip("there is no overlay for AWS here")
    given = re.findall(r"^    ([A-Z_]+) += ", (DEPLOYED / "outputs.tf").read_text(), re.MULTILINE)

    assert sorted(given) == sorted(re.findall(r"^([A-Z_]+)=", wanted.read_text(), re.MULTILINE))


async def test_a_process_without_keys_takes_the_role_of_its_service_account(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As EKS does it (IRSA): a file with a token, and the name of a role."""
    token = tmp_path / "token"
    token.write_text("a-token-of-the-cluster")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ordermesh-orders")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint_url)
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(key, raising=False)
    config = AwsConfig.read(Environment({"AWS_REGION": aws.region, "AWS_ENDPOINT_URL": aws.endpoint_url}))

    async with open_aws_client(config, "sqs", attempts_max=1, read_timeout_seconds=READ_SECONDS) as sqs:
        depth = await OrdersQueue(sqs, aws.queue_url).depth()
        credentials = await sqs._request_signer._credentials.get_frozen_credentials()  # noqa: SLF001 - whose are they

    assert depth >= 0
    assert credentials.token

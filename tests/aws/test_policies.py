"""What the services may do in AWS is what they do there, and nothing more."""

import ast
import re
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import get_session

from deploy.local.moto_server import LocalAws
from tests.aws.places import DEPLOYED, PLACES, QUEUE, ROOT, SENDER, SENDING, SERVICES, SES, Need
from tests.aws.policy import is_allowed, policy_of
from tests.aws.recorder import Recorder, record_everything

NEVER = {
    "sqs:PurgeQueue",
    "sqs:DeleteQueue",
    "sqs:SetQueueAttributes",
    "ses:SendRawEmail",
    "ses:DeleteEmailIdentity",
    "iam:PassRole",
}


@pytest.fixture(scope="module")
async def recorded(aws: LocalAws) -> dict[str, Recorder]:
    """By service; each adapter has done everything that it can."""
    return await record_everything(aws)


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

"""The services' policies, and what IAM decides by them.

moto looks at no resource of a policy, so the rules of IAM that ours need stand here.
"""

import json
from fnmatch import fnmatchcase
from string import Template
from typing import Any

from tests.aws.places import DEAD_LETTERS, DEPLOYED, IDENTITIES, QUEUE, SENDER, SENDING, Need


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

"""Reading the e-mails that moto's SES accepted."""

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_string, policy
from typing import Any

import httpx

ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Mail:
    """An e-mail as SES got it. ``body`` is the HTML part where there is one."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str


async def received_mails(endpoint_url: str) -> list[Mail]:
    """Every e-mail that SES accepted since the moto at ``endpoint_url`` started, the oldest first."""
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
        answer = await client.get(f"{endpoint_url}/moto-api/data.json")
    answer.raise_for_status()
    ses = answer.json().get("ses", {})
    return [_simple(message) for message in ses.get("Message", [])] + [_raw(mail) for mail in ses.get("RawMessage", [])]


def _simple(message: Mapping[str, Any]) -> Mail:
    recipients = tuple(address for addresses in message["destinations"].values() for address in addresses)
    return Mail(message["source"], recipients, message["subject"], message["body"])


def _raw(message: Mapping[str, Any]) -> Mail:
    mail = message_from_string(message["raw_data"], policy=policy.default)
    part = mail.get_body(("html", "plain"))
    return Mail(
        sender=message["source"] or str(mail["From"]),
        recipients=tuple(dict.fromkeys(message["destinations"])),  # moto adds the To header to the destinations
        subject=str(mail["Subject"]),
        body=part.get_content() if part else "",
    )

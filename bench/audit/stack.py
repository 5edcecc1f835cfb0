"""A running stack as its ``env`` file describes it: what the audit can learn of its mails."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.audit.mails import MailRecord, mail_record
from deploy.local.mails import received_mails

_ENDPOINTS = ("AWS_ENDPOINT_URL_SESV2", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Mailbox:
    """The mails that SES accepted since ``since``; ``mails`` is None when it does not tell, and ``why`` says why."""

    mails: list[MailRecord] | None = None
    since: datetime | None = None
    why: str = ""


async def open_mailbox(values: Mapping[str, str], env_file: Path) -> Mailbox:
    """Read what moto keeps. It forgets when it is restarted; its process id's file is as old as its memory."""
    endpoint_url = next((values[key] for key in _ENDPOINTS if values.get(key)), None)
    if endpoint_url is None:
        return Mailbox(why="SES is the real one and does not tell what it accepted")
    try:
        received = await received_mails(endpoint_url)
    except (httpx.HTTPError, ValueError) as error:
        return Mailbox(why=f"{endpoint_url} does not tell what it accepted ({type(error).__name__})")
    pid_file = env_file.parent / "run" / "moto.pid"
    since = datetime.fromtimestamp(pid_file.stat().st_mtime, UTC) if pid_file.exists() else None
    return Mailbox([record for mail in received if (record := mail_record(mail))], since)

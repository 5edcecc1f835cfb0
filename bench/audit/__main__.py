"""``python -m bench.audit``: audits a running stack; see the Makefile.

At rest everything is checked. While something is under way, only what must hold at every moment is.
Exit code 0: nothing is wrong; 1: something is; 2: the audit could not be made.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from time import monotonic

from botocore.exceptions import BotoCoreError, ClientError
from pymongo.errors import PyMongoError

from bench.audit import (
    Check,
    Databases,
    Evidence,
    Queues,
    Report,
    always,
    at_rest,
    open_databases,
    open_queues,
    read_journal,
    unsettled,
)
from bench.audit.journal import JournalError
from bench.audit.stack import Mailbox, open_mailbox
from chassis.config import ConfigError
from chassis.mongo import SERVER_SELECTION_SECONDS
from deploy.local.console import Console
from deploy.local.env_file import read_env_file
from deploy.local.environments import reach_this_machine_directly

ENV_FILE = Path(".local/env")
POLL_SECONDS = 0.5
SHOWN_MAX = 20
"""So many findings of one check are printed, and so many things that wait; the rest is counted."""

EXIT_BROKEN = 1
EXIT_NOT_AUDITED = 2


class NotAudited(Exception):
    """The audit could not be made. The message says why."""


def main() -> int:
    """Audit the stack that the arguments name; returns the exit code."""
    arguments = _parser().parse_args()
    reach_this_machine_directly()
    try:
        return asyncio.run(audit(arguments.env, arguments.journal, arguments.wait, Console()))
    except (NotAudited, JournalError, ConfigError) as error:
        sys.stderr.write(f"audit: {error}\n")
        return EXIT_NOT_AUDITED


async def audit(env_file: Path, journal: Path | None, wait_seconds: float, console: Console) -> int:
    """Print what was checked and what is wrong; returns the exit code.

    :raises NotAudited: when there is no stack, or it does not answer.
    """
    values = read_env_file(env_file)
    if not values:
        raise NotAudited(f"no stack runs here: there is no {env_file} (make up writes it, --env names another)")
    if profile := values.get("AWS_PROFILE"):
        os.environ["AWS_PROFILE"] = profile  # boto reads it there only
    try:
        async with (
            open_databases(values["MONGO_URI"], server_selection_seconds=SERVER_SELECTION_SECONDS) as databases,
            open_queues(values) as queues,
        ):
            left = await _wait_for_rest(databases, queues, wait_seconds)
            report, mailbox = await _look(databases, queues, values, env_file, journal, is_at_rest=not left)
    except (PyMongoError, ClientError, BotoCoreError) as error:
        raise NotAudited(f"the stack of {env_file} does not answer: {str(error).partition(' (')[0]}") from error
    except OSError as error:
        raise NotAudited(str(error)) from error
    _print(console, report, left, mailbox)
    return EXIT_BROKEN if report.findings or (left and wait_seconds) else 0


async def _wait_for_rest(databases: Databases, queues: Queues, wait_seconds: float) -> list[str]:
    """What is still under way after at most ``wait_seconds``."""
    give_up_at = monotonic() + wait_seconds
    while (left := await unsettled(databases, queues)) and monotonic() < give_up_at:
        await asyncio.sleep(POLL_SECONDS)
    return left


async def _look(
    databases: Databases,
    queues: Queues,
    values: Mapping[str, str],
    env_file: Path,
    journal: Path | None,
    *,
    is_at_rest: bool,
) -> tuple[Report, Mailbox]:
    mailbox = await open_mailbox(values, env_file)
    evidence = Evidence(
        journal=None if journal is None else list(read_journal(journal)),
        mails=mailbox.mails,
        mails_since=mailbox.since,
        depths=await queues.depths(),
    )
    look = at_rest if is_at_rest else always
    return await look(databases, evidence), mailbox


def _print(console: Console, report: Report, left: list[str], mailbox: Mailbox) -> None:
    console.plain("checked " + ", ".join(f"{count:,} {name}" for name, count in report.checked.items()))
    if mailbox.why:
        console.plain(f"mails are not checked: {mailbox.why}")
    if left:
        console.plain(f"not at rest, so only what must hold at every moment was checked; {len(left):,} wait:")
        _print_some(console, [f"  {sentence}" for sentence in left])
    for _, findings in groupby(sorted(report.findings), lambda finding: finding.partition(":")[0]):
        _print_some(console, list(findings))
    console.plain(f"{len(report.findings):,} findings" if report.findings else "nothing is wrong")


def _print_some(console: Console, sentences: list[str]) -> None:
    for sentence in sentences[:SHOWN_MAX]:
        console.plain(sentence)
    if len(sentences) > SHOWN_MAX:
        console.plain(f"... and {len(sentences) - SHOWN_MAX:,} more")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.audit", description="What must hold of a running stack: " + ", ".join(Check) + "."
    )
    parser.add_argument("--env", type=Path, default=ENV_FILE, help=f"the stack's env file ({ENV_FILE})")
    parser.add_argument("--journal", type=Path, help="what clients wrote down of their answers")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="wait for rest so long at most")
    return parser


if __name__ == "__main__":
    sys.exit(main())

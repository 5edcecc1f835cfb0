"""Running schemathesis against a gateway, and what it found."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENDING = ("changePassword", "logoutAll", "setUserRole")
"""Operations that may end the session they are called in, so each call has one of its own."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
"""Those about what we answer. Those about what we take are left out: a schema cannot say which page token or sku there
is, and ProtoJSON takes more than a schema says (null for absence, numbers for enums). ``Allow`` tells more than the
document where a variable of another path can have a literal's value."""

SECONDS_MAX = 1_200.0


@dataclass(frozen=True)
class Fuzzed:
    """How many requests were made, and everything that was wrong with the answers."""

    cases: int
    findings: list[str]


async def fuzz(
    environment: Mapping[str, str], directory: Path, *, examples: int, seed: int, phases: str = ""
) -> Fuzzed:
    """Make requests of every operation, ``examples`` random ones of each beside those that every run makes.

    ``environment`` has GATEWAY_URL, ADMIN_EMAIL and ADMIN_PASSWORD. What schemathesis says stays in ``directory``.
    """
    report, output = directory / f"{seed}.json", directory / f"{seed}.txt"
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{environment['GATEWAY_URL']}/api/openapi.json"),
        *("--checks", ",".join(CHECKS), "--continue-on-failure", "--max-examples", str(examples), "--seed", str(seed)),
        *("--report", "json", "--report-json-path", str(report), "--generation-database", "none"),
        *(("--phases", phases) if phases else ()),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks", "PYTHONPATH": str(Path(__file__).parents[2])}
    told = {key: environment[key] for key in ("GATEWAY_URL", "ADMIN_EMAIL", "ADMIN_PASSWORD")}
    with output.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **hooks, **told}, cwd=directory, stdout=out, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(SECONDS_MAX):
                code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
    if not report.exists():
        return Fuzzed(0, [f"FUZZING: schemathesis ended with {code}: {output.read_text()[-2_000:]}"])
    return _fuzzed(json.loads(report.read_text()), output)


def _fuzzed(report: Any, output: Path) -> Fuzzed:
    findings = [
        f"FUZZING: {failure['title']} ({', '.join(failure['operations'])}), {failure['count']} times; see {output}"
        for failure in report["failures"]
    ]
    findings += [f"FUZZING: {error}" for error in report["errors"]]
    if not report["complete"] or report["operations"]["tested"] < report["operations"]["total"]:
        findings.append(f"FUZZING: not every operation was tried ({report['stop_reason']}); see {output}")
    return Fuzzed(report["test_cases"]["generated"], findings)

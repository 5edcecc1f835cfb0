"""The Postman collection, as newman runs it."""

import json
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.conftest import Shop

COLLECTION = Path(__file__).parents[2] / "docs" / "ordermesh.postman_collection.json"

REQUESTS = ("register", "login", "getCurrentUser", "listOrders", "createOrder", "getOrder", "listItems", "getItem")
"""What a new customer can do from the start, in the collection's order but for what ends the session."""


def newman() -> list[str]:
    """The command; the test is skipped when there is none."""
    if program := shutil.which("newman"):
        return [program]
    by_npx = [shutil.which("npx") or "", "--no-install", "newman"]
    if by_npx[0] and subprocess.run([*by_npx, "--version"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return by_npx
    pytest.skip("there is no newman here (npm install --global newman)")


async def test_newman_registers_logs_in_and_places_an_order(shop: Shop, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    variables = {"baseUrl": str(shop.http.base_url), "email": f"postman-{uuid4().hex[:12]}@example.com"}
    command = [*newman(), "run", str(COLLECTION), "--reporters=json", f"--reporter-json-export={report}"]
    command += [f"--folder={name}" for name in REQUESTS]
    command += [part for name, value in variables.items() for part in ("--env-var", f"{name}={value}")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: ASYNC221, S603

    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(report.read_text())["run"]
    statuses = {execution["item"]["name"]: execution["response"]["code"] for execution in run["executions"]}
    assert statuses == dict.fromkeys(REQUESTS, 200) | {"register": 201, "createOrder": 201}
    assert run["stats"]["assertions"] == {"total": len(REQUESTS), "pending": 0, "failed": 0}

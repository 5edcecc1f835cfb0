"""Everything that can be applied is what the API servers of all supported releases take, and nothing more."""

import json
import subprocess
from pathlib import Path

from tests.k8s.renderings import RENDERINGS, TOOLS, rendering

VALIDATE = Path(__file__).with_name("validate_in_tools.py")
RELEASES = [f"1.{minor}" for minor in range(30, 38)]
WITHOUT_SCHEMA = {"ScaledObject", "TriggerAuthentication"}
"""Kinds of KEDA: rules of our own look at them."""


def validate(objects: list[object], releases: list[str]) -> list[str]:
    """What is wrong, by the schemas in the tools' environment."""
    run = subprocess.run(  # noqa: S603 - of the tools' lock
        [TOOLS / "python", VALIDATE, *releases], input=json.dumps(objects), capture_output=True, text=True, check=True
    )
    return run.stdout.splitlines()


def test_every_object_is_valid_in_every_release() -> None:
    objects = [thing for name in RENDERINGS for thing in rendering(name).objects]
    distinct = list({json.dumps(thing, sort_keys=True): thing for thing in objects}.values())
    known = [thing for thing in distinct if thing["kind"] not in WITHOUT_SCHEMA]

    assert {thing["kind"] for thing in distinct} - {thing["kind"] for thing in known} == WITHOUT_SCHEMA
    assert validate(list(known), RELEASES) == []


def test_what_no_release_knows_is_found() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"clusterIp": "None"}}

    assert validate([service], ["1.30"]) == [
        "1.30 Service x: spec: Additional properties are not allowed ('clusterIp' was unexpected)"
    ]

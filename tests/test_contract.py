"""The contract: generated stubs are fresh, and every method says who may call it."""

import subprocess
from filecmp import cmp, dircmp
from pathlib import Path

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor

from chassis.contract import methods_of
from ordermesh.options.v1 import options_pb2
from tests.contract import METHODS, SERVICES

ROOT = Path(__file__).parent.parent

REQUIRED_ROUTES = {
    ("post", "/api/auth/register"),
    ("post", "/api/auth/login"),
    ("post", "/api/auth/refresh"),
    ("post", "/api/orders"),
    ("get", "/api/orders/{order_id}"),
    ("get", "/api/inventory"),
}


TEXTS = {"COMMENTS": "gateway/openapi/comments.json", "POSTMAN": "docs/ordermesh.postman_collection.json"}
"""What `make protos` writes besides the stubs, by the variable that moves it."""


def test_generating_everything_again_changes_nothing(tmp_path: Path) -> None:
    moved = [f"STUBS={tmp_path}", *(f"{name}={tmp_path / name}" for name in TEXTS)]

    subprocess.run(["make", "protos", *moved], cwd=ROOT, check=True, capture_output=True)  # noqa: S603, S607 - our own verb

    assert differences(dircmp(tmp_path / "ordermesh", ROOT / "clients/python/ordermesh", ignore=["py.typed"])) == []
    assert [name for name, path in TEXTS.items() if not cmp(tmp_path / name, ROOT / path, shallow=False)] == []


def differences(compared: dircmp[str]) -> list[str]:
    here = [*compared.left_only, *compared.right_only, *compared.diff_files, *compared.funny_files]
    below = [name for part in compared.subdirs.values() for name in differences(part)]
    return [name for name in here if name != "__pycache__"] + below


def test_every_method_says_who_may_call_it() -> None:
    assert len(methods_of(SERVICES)) == len(METHODS)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_a_method_is_either_for_services_or_has_a_route(method: MethodDescriptor) -> None:
    options = method.GetOptions()
    has_route = options.HasExtension(annotations_pb2.http)
    level = options.Extensions[options_pb2.access].level

    is_internal = level == options_pb2.Access.SERVICE or method.name == "IssueServiceToken"
    assert has_route != is_internal


def test_the_required_routes_are_there() -> None:
    rules = [method.GetOptions().Extensions[annotations_pb2.http] for method in METHODS]

    routes = {(verb, getattr(rule, verb)) for rule in rules if (verb := rule.WhichOneof("pattern"))}

    assert routes >= REQUIRED_ROUTES


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_a_get_has_no_side_effects(method: MethodDescriptor) -> None:
    options = method.GetOptions()

    if options.Extensions[annotations_pb2.http].WhichOneof("pattern") == "get":
        assert options.idempotency_level == options.NO_SIDE_EFFECTS


def test_no_two_methods_that_answer_once_take_the_same_request() -> None:
    """By its request a call to another service is known in the metrics."""
    taken = [method.input_type.full_name for method in METHODS if not method.server_streaming]

    assert len(taken) == len(set(taken))

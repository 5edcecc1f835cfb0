"""What there is that a document can name."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grpc
import yaml

ROOT = Path(__file__).parent.parent.parent
OURS = ("chassis", "services", "gateway", "deploy", "bench")
RULES = ROOT / "deploy" / "observability" / "prometheus-rules.yaml"

_METRIC_CLASSES = re.compile(r"(Counter|Gauge|Histogram|Summary|Info)(MetricFamily)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")

PORTS_ELSEWHERE = {
    "27017": "MongoDB's own",
    "4317": "OTLP over gRPC",
    "4318": "OTLP over HTTP",
    "5001": "another port for the gateway, where macOS has taken 5000",
}


@cache
def environment_keys() -> frozenset[str]:
    """The keys of .env.example; tests/test_environment.py holds them against what is read."""
    keys = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", _example(), re.MULTILINE))
    return frozenset(keys | {f"{key}_FILE" for key in keys})


@cache
def ports() -> frozenset[str]:
    """Defaults, as .env.example and the code have them, and the ports of others."""
    in_values = re.findall(r"^#?[A-Z_]+=.*?(?:=|:)(\d{4,5})\b", _example(), re.MULTILINE)
    in_words = re.findall(r"^# .*?\b(?:auth|orders|inventory|notifier) (\d{5})", _example(), re.MULTILINE)
    several = re.findall(r"\b(?:auth|orders|inventory|notifier) (\d{5})", _example())
    bare = re.findall(r"^#?[A-Z_]*PORT=(\d{4,5})$", _example(), re.MULTILINE)
    constants = (constant for tree in _trees() for constant in _port_constants(tree))
    return frozenset({*in_values, *in_words, *several, *bare, *constants, *PORTS_ELSEWHERE})


def _port_constants(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if any("PORT" in name for name in names):
                yield str(node.value.value)


@cache
def metrics() -> frozenset[str]:
    """Names that the code gives to metrics."""
    calls = (node for tree in _trees() for node in ast.walk(tree) if isinstance(node, ast.Call))
    return frozenset(
        call.args[0].value
        for call in calls
        if _METRIC_CLASSES.fullmatch(_called(call))
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    )


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


@cache
def alerts() -> frozenset[str] | None:
    """Alerts that Prometheus is told to raise; None when there are no rules here."""
    return alerts_in(RULES) if RULES.exists() else None


def alerts_in(rules: Path) -> frozenset[str]:
    """Those of one file, with or without Kubernetes' PrometheusRule around it."""
    document = yaml.safe_load(rules.read_text())
    groups = document.get("spec", document)["groups"]
    return frozenset(rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule)


@cache
def make_targets() -> frozenset[str]:
    """Verbs of the Makefile."""
    return frozenset(
        re.findall(r"^([a-z][a-z0-9-]*)(?: [a-z][a-z0-9 -]*)?:(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )


@cache
def files() -> frozenset[str]:
    """Every file of the tree, and every folder, by its path from the root."""
    found = set[str]()
    for top in ROOT.iterdir():
        if top.name in {".git", ".venv", ".venv-tools", ".local"} or top.name.endswith("_cache"):
            continue
        paths = [top, *(path for path in top.rglob("*") if "__pycache__" not in path.parts)] if top.is_dir() else [top]
        found.update(str(path.relative_to(ROOT)) for path in paths)
    return frozenset(found)


@cache
def words() -> frozenset[str]:
    """Names and whole texts of the code, of the contract and of what is deployed, and the codes of gRPC."""
    found = {code.name for code in grpc.StatusCode}
    for tree in _trees():
        found.update(_words_of(tree))
    for pattern in ("protos/**/*.proto", "deploy/**/*.yaml", "deploy/**/*.env", "deploy/**/Dockerfile"):
        for path in ROOT.glob(pattern):
            found.update(_WORD.findall(path.read_text()))
    return frozenset(found)


def _words_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Constant(value=str(text)) if _WORD.fullmatch(text):
                yield text


@cache
def _trees() -> tuple[ast.AST, ...]:
    paths = (path for name in OURS for path in sorted((ROOT / name).rglob("*.py")) if "tests" not in path.parts)
    return tuple(ast.parse(path.read_text()) for path in paths)


@cache
def _example() -> str:
    return (ROOT / ".env.example").read_text()

"""What a document names that there is not: a sentence each."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from importlib.util import find_spec
from itertools import product

from tests.documents import known
from tests.documents.document import Document, read

_KEY = re.compile(r"(?<![\w$/<.-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w*<-])")
_SET_HERE = re.compile(r"^\s*(?:export )?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
_PORT = re.compile(r"(?:(?<=[\w\])}`]):|\bports?\s+`?|\s:)(\d{4,5})\b(?![.:\d]*\d)")
_METRIC = re.compile(r"\b(?:ordermesh|grpc_server|grpc_client)_[a-z_]+[a-z](?![\w*<])")
_SERIES = ("_bucket", "_sum", "_count", "_created")
_ALERT = re.compile(r"(?:OrderMesh|Ordermesh)[A-Z]\w+")
_TARGET = re.compile(r"(?<![\w-])make ((?:[A-Z_]+=\S+ )*)([a-z][a-z0-9-]*)")
_MODULE = re.compile(r"python3? -m ([A-Za-z_][\w.]*)")
_FILE = re.compile(r"[\w.-]+\.(?:py|proto|md|ya?ml|toml|lock|tf|tftpl)")
_PATH = re.compile(r"(?:\.env\.example|[\w.{},*-]+(?:/[\w.{},*-]+)*/?)")

OF_OTHERS = {
    "CERTIFICATE_VERIFY_FAILED": "BoringSSL's words",
    "WRONG_VERSION_NUMBER": "BoringSSL's words",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "a key that OpenTelemetry reads by itself",
    "OTEL_EXPORTER_OTLP_HEADERS": "a key that OpenTelemetry reads by itself",
    "RPC_RESPONSE_STANDARD_NAME": "a rule of buf",
    "UPPER_SNAKE_CASE": "a way to write",
}
"""In the form of an environment key, and none of ours."""

MADE_BY_RUNNING = (".local", ".venv", ".venv-tools")
"""Folders whose files are not in the tree."""


def findings(document: Document) -> list[str]:
    """Everything that is wrong with it."""
    checks: tuple[Callable[[Document], Iterator[str]], ...] = (
        _keys,
        _ports,
        _metrics,
        _alerts,
        _links,
        _make_targets,
        _modules,
        _paths,
    )
    return [finding for check in checks for finding in check(document)]


def _keys(document: Document) -> Iterator[str]:
    code = [*document.spans, *document.blocks]
    here = {name for text in code for name in _SET_HERE.findall(text)} - _almost_keys(document)
    known_names = known.environment_keys() | known.words() | set(OF_OTHERS) | here
    for name in sorted({name for text in code for name in _KEY.findall(text)} - known_names):
        yield f"{name} is no environment key, and no name in the code"


def _almost_keys(document: Document) -> set[str]:
    """What a block in the form of .env sets: these are keys, not variables of the block's own."""
    blocks = (block for block in document.blocks if re.fullmatch(r"(?:#.*\n|[A-Z][A-Z0-9_]*=.*\n|\s*\n)+", block))
    return {name for block in blocks for name in _SET_HERE.findall(block)}


def _ports(document: Document) -> Iterator[str]:
    for port in sorted(set(_PORT.findall(document.text)) - known.ports()):
        yield f"{port} is no port of ours"


def _metrics(document: Document) -> Iterator[str]:
    named = {name for text in (*document.spans, *document.blocks) for name in _METRIC.findall(text)}
    for name in sorted(named):
        stems = [name, *(name.removesuffix(end) for end in _SERIES if name.endswith(end))]
        if not any(stem in known.metrics() or stem.removesuffix("_total") in known.metrics() for stem in stems):
            yield f"{name} is no metric"


def _alerts(document: Document) -> Iterator[str]:
    alerts = known.alerts()
    named = {name for name in (*document.spans, *document.headings) if _ALERT.fullmatch(name)}
    for name in sorted(named - alerts) if alerts is not None else ():
        yield f"{name} is no alert"


def _links(document: Document) -> Iterator[str]:
    for link in document.links:
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.path.parent / path).resolve() if path else document.path
        if path and not target.exists():
            yield f"{link} leads to nothing"
        elif anchor and anchor not in (read(target) if path else document).anchors:
            yield f"{link} leads to no heading"


def _make_targets(document: Document) -> Iterator[str]:
    named = {target for text in (*document.spans, *document.blocks) for _, target in _TARGET.findall(text)}
    for target in sorted(named - known.make_targets()):
        yield f"make {target} is no target of the Makefile"


def _modules(document: Document) -> Iterator[str]:
    for name in sorted({name for text in (*document.spans, *document.blocks) for name in _MODULE.findall(text)}):
        module = name.rstrip(".")
        path = module.replace(".", "/")
        ours = path.partition("/")[0] in (*known.OURS, "tests")
        exists = f"{path}/__main__.py" in known.files() or f"{path}.py" in known.files()
        if not (exists if ours else find_spec(module.partition(".")[0])):
            yield f"python -m {module} is no program"


def _paths(document: Document) -> Iterator[str]:
    tops = {path for path in known.files() if "/" not in path}
    for span in document.spans:
        for word in span.split():
            first = word.partition("/")[0]
            is_path = "/" in word and (first in tops or first.startswith("{")) and _PATH.fullmatch(word)
            if first in MADE_BY_RUNNING or not (is_path or _FILE.fullmatch(word)):
                continue
            if not any(_exists(path.rstrip("/")) for path in _braces(word)):
                yield f"{word} is no file here"


def _braces(path: str) -> list[str]:
    """``a/{b,c}`` is ``a/b`` and ``a/c``."""
    parts = re.split(r"\{([^}]*)\}", path)
    choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def _exists(path: str) -> bool:
    if "*" in path:
        return any(fnmatchcase(file, path) for file in known.files())
    return path in known.files() or ("/" not in path and any(file.endswith(f"/{path}") for file in known.files()))

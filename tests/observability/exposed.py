"""What metrics each process has, asked of the process itself."""

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

from deploy.local.settings import MESH, SERVICES

DESCRIBE = """
import importlib, json, sys
from prometheus_client import REGISTRY

importlib.import_module(sys.argv[1])
described = {}
for collector in list(REGISTRY._collector_to_names):
    describe = getattr(collector, "describe", None) or collector.collect
    for metric in describe():
        described[metric.name] = [metric.type, metric.documentation, list(getattr(collector, "_labelnames", ()))]
print(json.dumps(described))
"""
"""Nothing public says which labels a metric has that has not counted yet."""

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "info": ("_info",)}


@dataclass(frozen=True)
class Metric:
    """A metric as its process describes it; ``name`` is what is asked for, a counter's with ``_total``."""

    name: str
    type: str
    documentation: str
    labels: tuple[str, ...]
    processes: tuple[str, ...]

    @property
    def series(self) -> dict[str, frozenset[str]]:
        """The names of its series and their labels."""
        bare = self.name.removesuffix("_total") if self.type == "counter" else self.name
        names = {bare + suffix: frozenset(self.labels) for suffix in SUFFIXES[self.type]}
        return {name: labels | {"le"} if name.endswith("_bucket") else labels for name, labels in names.items()}

    @property
    def is_ours(self) -> bool:
        """Whether it says something about OrderMesh, and not about any Python process."""
        return self.name.startswith(("ordermesh_", "grpc_"))


@cache
def exposed() -> Mapping[str, Metric]:
    """Every metric by its name."""
    with ThreadPoolExecutor(2) as pool:
        described = dict(zip(MESH, pool.map(_described, MESH), strict=True))
    found: dict[str, Metric] = {}
    for process, metrics in described.items():
        for bare, (kind, documentation, labels) in metrics.items():
            name = f"{bare}_total" if kind == "counter" else bare
            before = found[name].processes if name in found else ()
            found[name] = Metric(name, kind, documentation, tuple(labels), (*before, process))
    return found


def _described(process: str) -> dict[str, tuple[str, str, list[str]]]:
    module = f"services.{process}.__main__" if process in SERVICES else f"{process}.__main__"
    command = [sys.executable, "-c", DESCRIBE, module]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    described: dict[str, tuple[str, str, list[str]]] = json.loads(answer.stdout)
    return described

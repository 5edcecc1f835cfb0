"""The table of metrics in ARCHITECTURE.md, which is compared with the code."""

import re
from collections.abc import Mapping

from deploy.local.environments import ROOT
from deploy.local.settings import MESH, SERVICES
from tests.observability.exposed import Metric

_ROW = re.compile(r"^\| `((?:ordermesh|grpc)_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)
_GROUPS: Mapping[str, tuple[str, ...]] = {"all": MESH, "services": SERVICES}


def table() -> dict[str, Metric]:
    """Every metric of ours by its name, as the document has it."""
    rows = _ROW.findall((ROOT / "docs/ARCHITECTURE.md").read_text())
    return {name: _metric(name, *cells) for name, *cells in rows}


def _metric(name: str, kind: str, labels: str, shown_by: str, meaning: str) -> Metric:
    processes = _GROUPS.get(shown_by) or tuple(sorted(shown_by.split(", "), key=MESH.index))
    return Metric(name, kind, meaning, tuple(re.findall(r"`(\w+)`", labels)), processes)

"""What a scenario's run told, on disk and on the screen."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One run of one scenario. ``shard`` is ``i/n``; without ``findings`` it passed."""

    scenario: str
    promise: str
    profile: str
    seed: int
    shard: str
    size: int
    unit: str
    seconds: float
    figures: Mapping[str, object]
    findings: list[str]
    commit: str
    date: str
    versions: Mapping[str, str]

    def __str__(self) -> str:
        verdict = "passed" if not self.findings else f"FAILED with {len(self.findings)} findings"
        head = f"{self.scenario}: {self.size:,} {self.unit}, seed {self.seed}, {self.seconds:.0f} s, {verdict}"
        figures = [f"  {name}: {value}" for name, value in self.figures.items()]
        return "\n".join([head, *figures, *(f"  ! {finding}" for finding in self.findings[:20])])


def write_result(result: Result, directory: Path) -> None:
    """Keep it as a file of its own; the same shard of the same profile is replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{result.profile}-{result.scenario}-{result.shard.replace('/', 'of')}.json"
    (directory / name).write_text(json.dumps(asdict(result), indent=1) + "\n")


def read_results(directory: Path) -> list[Result]:
    """All that were kept."""
    return [Result(**json.loads(path.read_text())) for path in sorted(directory.glob("*.json"))]
